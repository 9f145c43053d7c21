package actor_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// Reader is the protocol of an actor that notes the first byte of each sheet,
// releases it, and in its first life waits for its death then.
type (
	Reader struct{}
	Sheet  struct {
		actor.Tells[Reader]
		Keep bool
		Data actor.Buffer
	}
)

const notedVar = "READER_NOTED"

var reader = actor.Define("reader", func(s *actor.Setup[Reader]) error {
	noted, err := os.OpenFile(os.Getenv(notedVar), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	actor.OnTell(s, func(c *actor.Context, m Sheet) error {
		if m.Keep {
			m.Data.Keep()
		}
		first := m.Data.Bytes()[0]
		m.Data.Release()
		if _, err := noted.Write([]byte{first}); err != nil {
			return err
		}
		if c.Incarnation() == 1 {
			select {}
		}
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Late) (a LateAnswer, err error) {
		for m.Wait && c.Err() == nil {
			runtime.Gosched()
		}
		a.Text = make([]byte, 7<<10) // a block of the same size
		if m.Over > 0 {
			a.Text = make([]byte, m.Over)
		}
		a.Lent, err = c.Lend(8 << 10)
		return a, err
	})
	return nil
})

// TestReleasedBufferIsHandledAgainWhole: a message that is handled again has the
// bytes that it was sent with, although its first handler had released them and
// the sender went on sending.
func TestReleasedBufferIsHandledAgainWhole(t *testing.T) {
	for _, keep := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "noted")
		noted := func() []byte {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
		ref, err := supervisor.StartChild(ctx, sup, reader, supervisor.Child{Name: "reader", Env: []string{notedVar + "=" + path},
			Mailbox: mailbox.Config{PoolBytes: 64 << 10, Full: mailbox.Fail}})
		if err != nil {
			t.Fatal(err)
		}
		want := []byte{1}
		for n := byte(1); ; n++ {
			b, err := actor.Lend(ctx, ref, 4<<10)
			if errors.Is(err, actor.ErrFull) && n > 2 {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			copy(b.Bytes(), bytes.Repeat([]byte{n}, b.Len()))
			if err = actor.Tell(ctx, ref, Sheet{Keep: keep, Data: b}); errors.Is(err, actor.ErrFull) && n > 2 {
				b.Release() // the queue holds less than the pool
				break
			} else if err != nil {
				t.Fatal(err)
			}
			want = append(want, n) // the first one twice
			for n == 1 && len(noted()) == 0 && ctx.Err() == nil {
				runtime.Gosched()
			}
		}
		if err := sup.Kill(ref.ID); err != nil {
			t.Fatal(err)
		}
		for len(noted()) < len(want) && ctx.Err() == nil {
			runtime.Gosched()
		}
		if got := noted(); !bytes.Equal(got, want) {
			t.Errorf("kept %v: sheets % d were handled, % d were sent, the first one twice", keep, got, want)
		}
	}
}

// TestAskWithDistantDeadline: a deadline beyond the machine's clock is none.
func TestAskWithDistantDeadline(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 / 2, math.MaxInt64 - time.Duration(time.Now().UnixNano())} {
		far, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
		hang := time.AfterFunc(testutil.HangGuard, cancel)
		if s, err := actor.Ask(far, ref, Add{A: 1, B: 1}); err != nil || s.N != 2 {
			t.Errorf("within %v: %+v, %v", d, s, err)
		}
		hang.Stop()
		cancel()
	}
}

// TestDropKeepsNothing: what a full mailbox drops keeps no block and is counted, and an
// ask is not dropped but answered.
func TestDropKeepsNothing(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{Shutdown: supervisor.BrutalKill,
		Mailbox: mailbox.Config{Queue: "ring", RingBytes: 4096, PoolBytes: 256 << 10, Full: mailbox.Drop}})
	s, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	stopProcess(t, s.PID)
	for range 200 { // more than fit into the ring
		if err := actor.Tell(ctx, ref, Note{}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 200 { // more than there are blocks
		b, err := actor.Lend(ctx, ref, 4<<10)
		if err != nil {
			t.Fatalf("after %d dropped messages: %v", n, err)
		}
		if err := actor.Tell(ctx, ref, Blot{Data: b}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := actor.Ask(ctx, ref, Add{}); !errors.Is(err, actor.ErrFull) {
		t.Errorf("an ask of a full mailbox: %v, want ErrFull", err)
	}
	if n := sup.Traffic(); n.Small+n.Large+n.Dropped != 1+200+200 || n.Dropped == 0 {
		t.Errorf("%+v: want one ask and 400 told messages, some of them dropped", n)
	}
}

// TestGivenUpOneAfterAnother: asks that have had the same slot and were given up, all
// of them before the actor looked, are all seen to be given up: it handles none.
func TestGivenUpOneAfterAnother(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	s, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	stopProcess(t, s.PID)
	for range 3 {
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		if _, err := actor.Ask(short, ref, Sleep{UntilDone: true}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		short, cancel = context.WithCancel(ctx)
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := actor.Ask(short, ref, Sleep{UntilDone: true}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := syscall.Kill(s.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, ref, Add{}); err != nil {
		t.Errorf("one that was given up is handled: %v", err)
	}
	if s, err := actor.Ask(ctx, ref, Do{What: "skipped"}); err != nil || s.N != 6 {
		t.Errorf("%d asks are counted as skipped, want 6; %v", s.N, err)
	}
}

type (
	// Late is asked for a large answer, which comes only when the asker has
	// given up, or at once.
	Late struct {
		actor.Asks[Reader, LateAnswer]
		Wait bool
		Over int // bytes of the answer; 0: 7 KiB
	}
	LateAnswer struct {
		Text []byte
		Lent actor.Buffer
	}
)

// TestRefusedAnswersComeToNothing: so do those that are too large.
func TestRefusedAnswersComeToNothing(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, reader, supervisor.Child{Name: "reader", Env: []string{notedVar + "=" + filepath.Join(t.TempDir(), "noted")},
		Mailbox: mailbox.Config{PoolBytes: 64 << 10, MaxBytes: 64 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * 64 / 8 {
		if _, err := actor.Ask(ctx, ref, Late{Over: 100 << 10}); err == nil || errors.Is(err, actor.ErrFull) {
			t.Fatalf("%v", err)
		}
	}
	a, err := actor.Ask(ctx, ref, Late{})
	if err != nil || a.Lent.Len() != 8<<10 {
		t.Fatalf("%d, %v", a.Lent.Len(), err)
	}
	a.Lent.Release()
}

// TestLateAnswersComeToNothing: answers that nobody waits for any more leave the
// memory for answers to others.
func TestLateAnswersComeToNothing(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, reader, supervisor.Child{Name: "reader", Env: []string{notedVar + "=" + os.DevNull},
		Mailbox: mailbox.Config{PoolBytes: 128 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 30 { // more than there is memory for
		short, cancel := context.WithCancel(ctx)
		go cancel()
		if _, err := actor.Ask(short, ref, Late{Wait: true}); !errors.Is(err, context.Canceled) {
			t.Fatalf("ask %d: %v", n, err)
		}
		if a, err := actor.Ask(ctx, ref, Late{}); err != nil || len(a.Text) != 7<<10 || a.Lent.Len() != 8<<10 {
			t.Fatalf("ask %d: %d and %d bytes, %v", n, len(a.Text), a.Lent.Len(), err)
		} else {
			a.Lent.Release()
		}
	}
}
