package keeper

import (
	"log/slog"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestProgressOfBroken: what a sender that has broken the rules says of messages is not
// held against the actor that has closed its lane for that. A successor looks for itself.
func TestProgressOfBroken(t *testing.T) {
	for _, queue := range []string{"ring", "unix"} {
		t.Run(queue, func(t *testing.T) {
			p, open, files := neverStops(t, queue)
			p.Expect("closed")
			from, to := wire.Addr{ID: 1, Incarnation: 1}, wire.Addr{ID: 2, Incarnation: 1}
			k := New(slog.New(slog.DiscardHandler), func(Letter) {})
			defer k.Close()
			type notice struct {
				who wire.Addr
				of  uint32
			}
			var told []notice
			for _, a := range []wire.Addr{from, to} {
				k.Add(a.ID, "child", wire.Mailbox{Queue: open.Queue, RingBytes: 4096})
				k.Begin(a, "", func(f wire.Frame, hs ...*Handle) {
					if c, ok := f.(*wire.Closed); ok {
						told = append(told, notice{a, c.To})
					}
					ReleaseAll(hs)
				})
			}
			k.Frame(from, open, files)
			work := func(want bool, when string) {
				t.Helper()
				if p := k.Progress(to.ID); p.Work != want || (p.Waiting == 1) != want {
					t.Errorf("%s: %+v", when, p)
				}
			}
			work(true, "three messages wait")
			k.Frame(to, &wire.Letter{From: from, To: to.ID, Reason: wire.LetterUnhandled}, nil)
			work(true, "one was not handled")
			k.Frame(from, &wire.Letter{From: from, To: to.ID, Reason: wire.LetterCorrupt}, nil)
			work(true, "the sender says that of itself")
			if told != nil {
				t.Errorf("told of a closed lane: %v", told)
			}
			k.Frame(to, &wire.Letter{From: from, To: to.ID, Reason: wire.LetterCorrupt}, nil)
			work(false, "the lane was closed")
			if want := (notice{from, to.ID}); len(told) != 1 || told[0] != want {
				t.Errorf("told of a closed lane: %v, want %v", told, want)
			}
			k.Died(&wire.Exit{Addr: to}, tree.Own)
			to.Incarnation++
			k.Begin(to, "", func(_ wire.Frame, hs ...*Handle) { ReleaseAll(hs) })
			work(true, "a successor has not closed it")
		})
	}
}

// TestProgressLacking: an actor that waits for what its sender has not announced does not
// hang: otherwise a sender could have it killed by its watchdog.
func TestProgressLacking(t *testing.T) {
	payload := wire.Entry{Kind: wire.EntryTell, Flags: wire.FlagBlock, Payload: wire.BlockRef{Segment: 5}}
	lends := wire.Entry{Kind: wire.EntryTell, N: 1}
	lends.Lent[0] = wire.BlockRef{Segment: 5}
	file := wire.Entry{Kind: wire.EntryTell, N: 1}
	file.Lent[0] = wire.BlockRef{Segment: wire.FileSegment}
	for _, tt := range []struct {
		what  string
		entry wire.Entry
		brief bool // the entry ends within its header
		comes func(*held)
		works bool // before that
	}{
		{"a payload", payload, false, func(l *held) { l.segments = append(l.segments, kept{f: wire.Segment{ID: 5}}) }, false},
		{"a buffer", lends, false, func(l *held) { l.segments = append(l.segments, kept{f: wire.Segment{ID: 5}}) }, false},
		{"a file", file, false, func(l *held) { l.exit = &Handle{} }, false},
		{"nothing", wire.Entry{Kind: wire.EntryTell}, false, func(*held) {}, true},
		{"what is no message", lends, true, func(*held) {}, true},
	} {
		mem, open := written(t, 0)
		send, err := transport.OpenSendPage(mem.Bytes(), int(open.Cells))
		if err != nil {
			t.Fatal(err)
		}
		n := tt.entry.Header()
		b := make([]byte, n)
		tt.entry.Put(b)
		if tt.brief {
			n--
		}
		s := ring.NewSender(send)
		room, err := s.Reserve(n)
		if err != nil {
			t.Fatal(err)
		}
		copy(room, b)
		s.Publish()
		st := newStage(1)
		l := &held{laneKey: laneKey{at(1, 1), 2}, open: open, files: []*Handle{lent(t, mem)}, pageOf: 1,
			page: inHand(t, transport.PackInFlight(0, 0, transport.HandNone))}
		st.lanes[l.laneKey] = l
		if p := st.Progress(2); p.Work != tt.works {
			t.Errorf("%s is lacking: %+v", tt.what, p)
		}
		if tt.comes(l); !st.Progress(2).Work {
			t.Errorf("%s has come, and no work is left", tt.what)
		}
	}
}
