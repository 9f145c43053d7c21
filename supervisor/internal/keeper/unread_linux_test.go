package keeper

import (
	"errors"
	"log/slog"
	"os"
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// A sender that says how much it has sent and goes on for ever.
var _ = testutil.Helper("never stops", func(c *testutil.Child) int {
	err := func() error {
		form, err := lane.FormNamed(c.Args[0])
		if err != nil {
			return err
		}
		n, err := notify.Best()
		if n == nil {
			return err
		}
		out, frame, files, err := lane.Create(lane.Config{Queue: form.Queue, Cells: 4096}, 2, n)
		if err != nil {
			c.Say("refused", err)
			return nil
		}
		l, err := sock.New(c.File(0))
		if err != nil {
			return err
		}
		if err := l.Send(wire.Append(nil, frame), files); err != nil {
			return err
		}
		const first = 3
		for i := 0; ; {
			b, err := out.Reserve(wire.PlainHeader(wire.EntryTell))
			if err == nil {
				wire.PutPlain(b, wire.EntryTell, 7, 0, 0)
				err = out.Commit()
			}
			switch {
			case errors.Is(err, transport.ErrFull):
				runtime.Gosched()
			case err != nil:
				return err
			default:
				i++
			}
			if i == first {
				i++
				c.Say("closed", first)
				c.Wait("go on")
			}
		}
	}()
	c.Say("failed", err)
	return 1
})

// TestUnreadOfOneThatGoesOn: a process that has said that it closed a lane, and
// sends all the same, keeps the keeper no longer than what the queue can hold.
func TestUnreadOfOneThatGoesOn(t *testing.T) {
	for _, queue := range []string{"unix", "pipe", "sysv", "posix"} {
		t.Run(queue, func(t *testing.T) { unreadOfOneThatGoesOn(t, queue) })
	}
}

// neverStops starts a sender that does not stop, and returns its lane.
func neverStops(t *testing.T, queue string) (*testutil.Proc, *wire.Open, []transport.File) {
	t.Helper()
	mine, theirs, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	link, err := sock.New(mine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Close() })
	p := testutil.Start(t, "never stops", testutil.Spec{Args: []string{queue}, Files: []*os.File{theirs}})
	theirs.Close()
	buf := make([]byte, wire.MaxFrame)
	n, files, err := link.Receive(buf)
	if err != nil {
		testutil.Refused(t, p.Expect("refused"))
	}
	f, err := wire.Parse(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	return p, f.(*wire.Open), files
}

func unreadOfOneThatGoesOn(t *testing.T, queue string) {
	p, open, files := neverStops(t, queue)
	l := &held{laneKey: laneKey{from: wire.Addr{ID: 1, Incarnation: 1}, to: 2}, open: *open, ending: &wire.Exit{}}
	for _, x := range files {
		h := NewHandle(x.(*os.File))
		defer h.Release()
		l.files = append(l.files, h)
	}
	form, _ := lane.FormOf(l.open.Queue)
	defer form.Remove(l.files[1].File)
	p.Expect("closed")
	p.Send("go on")

	letters := 0
	k := New(slog.New(slog.DiscardHandler), func(Letter) {
		if letters++; letters == 1<<20 {
			p.Kill() // so that it ends
		}
	})
	k.Add(2, "receiver", wire.Mailbox{})
	m, err := l.mapped()
	if err != nil {
		t.Fatal(err)
	}
	for m.send.Tail.Load() < 8 {
		runtime.Gosched()
	}
	m.close()
	defer func(was uint64) { mostInKernel = was }(mostInKernel)
	mostInKernel = 5 // and its tail says that there is more
	err = k.unread(l)
	if c := new(transport.CorruptError); letters != 5 || !errors.As(err, &c) || c.Limit != 5 {
		t.Errorf("%d letters of 5, %v", letters, err)
	}
	l.at.Seq += 6 // what was read is gone
	mostInKernel = 1 << 18
	if err = k.unread(l); letters >= 1<<20 {
		t.Error("it was read for ever")
	}
	t.Logf("%d letters, then %v", letters, err)
}
