package mailbox_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

const freedSize = 20 << 10

// freedRig is the two ends of a lane, and a set of its receiver alone.
type freedRig struct {
	out *mailbox.Outbox
	in  *mailbox.Inbox
	set *mailbox.Shared
}

func (r freedRig) lend(t *testing.T, lend func(int) (mailbox.Buffer, error)) mailbox.Buffer {
	t.Helper()
	b, err := lend(freedSize)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r freedRig) receive(t *testing.T) {
	t.Helper()
	var m mailbox.Message
	if err := r.in.Next(&m); err != nil {
		t.Fatal(err)
	}
	r.in.Done(&m)
	r.in.Flush(&m)
}

// cast sends what v points to to the set, whose receiver handles it before the sender
// has ended its part, and returns that end.
func (r freedRig) cast(t *testing.T, typ *codec.Type, v any) func() {
	t.Helper()
	cast, err := mailbox.NewCast(r.set, typ, v)
	if err == nil {
		err = cast.To(r.out)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.receive(t)
	if r.set.Idle() {
		t.Fatal("the sender has it still")
	}
	return func() { cast.End(true) }
}

func fillQueue(t *testing.T, out *mailbox.Outbox) {
	for mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[short](t), &short{make([]byte, 100)}) == nil {
	}
}

var freedCases = map[string]struct {
	before func(t *testing.T, r freedRig) (event func()) // tells of nothing
	told   int                                           // by event
}{
	"released": {func(t *testing.T, r freedRig) func() { return r.lend(t, r.out.Lend).Release }, 1},
	"of a set": {func(t *testing.T, r freedRig) func() { return r.lend(t, r.set.Lend).Release }, 1},
	"answer's": {func(t *testing.T, r freedRig) func() { return r.lend(t, r.in.Lend).Release }, 1},
	"no room in the queue": {func(t *testing.T, r freedRig) func() {
		fillQueue(t, r.out)
		return func() {
			if err := mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[short](t), &short{make([]byte, freedSize)}); !errors.Is(err, mailbox.ErrFull) {
				t.Error(err)
			}
		}
	}, 0}, // nobody was refused meanwhile, and the sender would tell itself
	"sent and handled": {func(t *testing.T, r freedRig) func() {
		return func() {
			if err := mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{r.lend(t, r.out.Lend)}); err != nil {
				t.Error(err)
			}
			r.receive(t)
		}
	}, 0},
	"the receivers were quicker": {func(t *testing.T, r freedRig) func() {
		return r.cast(t, typeOf[short](t), &short{make([]byte, freedSize)})
	}, 1},
	"and of a lent buffer": {func(t *testing.T, r freedRig) func() {
		return r.cast(t, typeOf[blob](t), &blob{r.lend(t, r.set.Lend)})
	}, 1},
}

// TestFreedIsTold: of a block that comes free without its receiver's doing, those who
// wait for one are told; of others the receiver tells.
func TestFreedIsTold(t *testing.T) {
	for what, c := range freedCases {
		t.Run(what, func(t *testing.T) {
			told := 0
			out, in := pairTold(t, mailbox.Config{RingBytes: 4 << 10, Inline: 1 << 10}.Wire(), func() { told++ })
			defer in.Close()
			defer out.Close()
			set, err := mailbox.NewShared([]*mailbox.Outbox{out}, new(mailbox.SharedIDs))
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			event := c.before(t, freedRig{out, in, set})
			if told > 0 {
				t.Error("told of nothing")
			}
			if event(); told != c.told {
				t.Errorf("told %d times, want %d", told, c.told)
			}
		})
	}
}

// TestRefusedIsTold: who finds no block because a message has it for which the queue then
// has no room is told when it comes back.
func TestRefusedIsTold(t *testing.T) {
	const size = 1 << 20 // it takes some time to copy
	told := make(chan struct{}, 1)
	out, in := pairTold(t, mailbox.Config{RingBytes: 4 << 10, Inline: 1 << 10, PoolBytes: size}.Wire(), func() {
		select {
		case told <- struct{}{}:
		default:
		}
	})
	defer in.Close()
	defer out.Close()
	fillQueue(t, out)
	typ, large := typeOf[short](t), &short{make([]byte, size/2+1)}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		for refused := 0; ; refused++ {
			select {
			case <-stop:
				done <- refused
				return
			default:
				if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, large); !errors.Is(err, mailbox.ErrFull) {
					t.Error(err)
				}
			}
		}
	}()
	waits := 0
	for rounds := 0; waits < testutil.Rounds(50, 2000) && rounds < 200; rounds++ {
		runtime.Gosched()
		b, err := out.Lend(size)
		for ; errors.Is(err, mailbox.ErrFull); b, err = out.Lend(size) {
			waits++
			select {
			case <-told:
			case <-time.After(testutil.HangGuard):
				t.Fatal("nobody has told that the block is back")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
		select {
		case <-told: // of this
		default:
		}
	}
	close(stop)
	t.Logf("%d waits beside %d messages", waits, <-done)
}
