package actor_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// TestLentAndNoRoomForACopy: a buffer that was lent for one actor, and leaves no room for
// another one of that size in the actor's blocks, is told to several: a copy for that actor
// would wait for ever for the buffer that it is made of.
func TestLentAndNoRoomForACopy(t *testing.T) {
	const pool = 1 << 20
	ctx, _, refs := audience(t, 3, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool}})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for i, ref := range refs {
		for _, size := range []int{pool, pool + 1} { // in a block, and in a segment of its own
			number := 2*i + size - pool
			lent, err := actor.Lend(ctx, ref, size)
			if err != nil {
				t.Fatal(err)
			}
			mem := lent.Bytes()
			mem[0], mem[size-1] = byte(number), 'x'
			if err := actor.TellAll(ctx, refs, Scene{Number: number, Data: lent}); err != nil {
				t.Fatalf("lent for listener-%d, %d bytes: %v", i, size, err)
			}
			for _, ref := range refs {
				r := recall(t, ctx, ref, number, true)
				if len(r.Data) != size || r.Count != 1 || r.Data[0] != byte(number) || r.Data[size-1] != 'x' {
					t.Errorf("lent for listener-%d: %d bytes, %d times", i, len(r.Data), r.Count)
				}
			}
			lent.Release()
		}
	}
}

// TestLentForTwoAndNoRoom: a message with buffers that were lent for different actors is told
// to them and a third one. Neither of the two has room for copies of both beside its own,
// which therefore goes to it as it is, and a copy of that to whoever comes later.
func TestLentForTwoAndNoRoom(t *testing.T) {
	const pool = 1 << 20
	ctx, _, refs := audience(t, 3, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool}})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for number := range 6 {
		var lent [2]actor.Buffer
		var want []byte
		for i := range lent {
			b, err := actor.Lend(ctx, refs[(number+i)%len(refs)], pool/2-i)
			if err != nil {
				t.Fatal(err)
			}
			for k := range b.Bytes() {
				b.Bytes()[k] = byte(number + i + k)
			}
			lent[i], want = b, append(want, b.Bytes()...)
		}
		if err := actor.TellAll(ctx, refs, Duet{Number: number, One: lent[0], Two: lent[1]}); err != nil {
			t.Fatal(err)
		}
		for i, ref := range refs {
			if r := recall(t, ctx, ref, number, true); !bytes.Equal(r.Data, want) || r.Count != 1 {
				t.Errorf("message %d came to listener-%d as %d bytes, or others, %d times", number, i, len(r.Data), r.Count)
			}
		}
	}
	tooMuchForAll(t, ctx, refs, pool)
}

// tooMuchForAll tells a message that no actor of refs ever has room for.
func tooMuchForAll(t *testing.T, ctx context.Context, refs []actor.Ref[Listener], pool int) {
	t.Helper()
	var lent [2]actor.Buffer
	for i := range lent {
		b, err := actor.Lend(ctx, refs[i], pool/2+1)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
		lent[i] = b
	}
	err := actor.TellAll(ctx, refs, Duet{One: lent[0], Two: lent[1]})
	all, size := new(actor.TellAllError), new(transport.SizeError)
	if !errors.As(err, &all) || len(all.Failed) != len(refs) {
		t.Fatalf("%v; want one failure for each of %d actors", err, len(refs))
	}
	for _, f := range all.Failed {
		if !errors.As(f, &size) {
			t.Errorf("%v; want a *transport.SizeError", f)
		}
	}
	for _, b := range lent {
		b.Bytes()[0]++ // they are their sender's still
	}
}

// TestTwoLentAfterALargeOne: a small buffer that has got the only block, one which a large
// payload has left, does not keep a second one waiting that its sender wants beside it.
func TestTwoLentAfterALargeOne(t *testing.T) {
	const large, small = 600 << 10, 16 << 10
	ctx, _, refs := audience(t, 1, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 1 << 20}})
	ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	defer cancel()
	number := 0
	for round := range 3 {
		for _, sizes := range [][]int{{large}, {small, small, small}} {
			var lent []actor.Buffer
			for _, size := range sizes {
				b, err := actor.Lend(ctx, refs[0], size)
				if err != nil {
					t.Fatalf("round %d, buffer %d of %d bytes: %v", round, len(lent), size, err)
				}
				b.Bytes()[0], b.Bytes()[size-1] = byte(number+len(lent)), 'x'
				lent = append(lent, b)
			}
			for _, b := range lent {
				if err := actor.Tell(ctx, refs[0], Scene{Number: number, Data: b}); err != nil {
					t.Fatal(err)
				}
				if r := recall(t, ctx, refs[0], number, true); len(r.Data) != b.Len() || r.Data[0] != byte(number) || r.Data[b.Len()-1] != 'x' {
					t.Errorf("message %d came as %d bytes, or others", number, len(r.Data))
				}
				number++
			}
		}
	}
}

// TestRoomBesideWhatIsKept: an actor that keeps a small buffer until it is told more takes
// larger messages, as far as they fit beside that, though its segment has all the memory.
func TestRoomBesideWhatIsKept(t *testing.T) {
	const pool = 256 << 10
	ctx, _, refs := audience(t, 1, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool}})
	ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	defer cancel()
	lent, err := actor.Lend(ctx, refs[0], 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, refs[0], Scene{Data: lent}); err != nil {
		t.Fatal(err)
	}
	for number, size := range []int{1: 5000, 2: 10_000, 3: 20_000, 4: 100_000} {
		if err := actor.Tell(ctx, refs[0], Script{Number: number, Text: make([]byte, size)}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	if r := recall(t, ctx, refs[0], 4, false); len(r.Data) != 100_000 {
		t.Errorf("the last has %d bytes", len(r.Data))
	}
}

// TestTellAllOfTwoGoroutines: two goroutines tell one buffer to all. Whoever comes later
// panics, and what the actors share for the payload is free nevertheless.
func TestTellAllOfTwoGoroutines(t *testing.T) {
	const pool = 1 << 20
	ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool}})
	ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	defer cancel()
	text := make([]byte, pool/4)
	for range testutil.Rounds(50, 1000) {
		lent, err := actor.Lend(ctx, refs[0], pool/2)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				defer func() {
					if err, _ := recover().(error); err != nil && !errors.Is(err, mailbox.ErrBufferDead) {
						t.Error("it panics with", err)
					}
				}()
				if err := actor.TellAll(ctx, refs, Programme{Data: lent, Text: text}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
	}
	b, err := actor.LendAll(ctx, refs, pool)
	if err != nil {
		t.Fatal("a block is out:", err)
	}
	b.Release()
}

// TestBlockBackBeforeALongHandler: an actor that has given back the only block, and has
// then a message in hand that takes long, has not left a sender waiting that wants the
// block: be it that this one waited before, or comes only then.
func TestBlockBackBeforeALongHandler(t *testing.T) {
	const size = 100 << 10 // too large to be given back together with others
	gate := filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 128 << 10}})
	m, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := actor.Lend(ctx, ref, size)
	if err != nil {
		t.Fatal(err)
	}
	for round := range testutil.Rounds(30, 1000) {
		stopProcess(t, m.PID)
		if err := errors.Join(actor.Tell(ctx, ref, Blot{Data: b}), actor.Tell(ctx, ref, Tell{What: "step " + gate})); err != nil {
			t.Fatal(err)
		}
		goesOn := time.AfterFunc(time.Duration(round%10)*500*time.Microsecond, func() { _ = unix.Kill(m.PID, unix.SIGCONT) })
		short, cancel := context.WithTimeout(ctx, testutil.HangGuard/4)
		b, err = actor.Lend(short, ref, size)
		cancel()
		goesOn.Stop()
		_ = unix.Kill(m.PID, unix.SIGCONT)
		f, ferr := os.OpenFile(gate, os.O_RDWR, 0)
		if ferr == nil {
			_, ferr = f.Write([]byte{1})
		}
		if err := errors.Join(err, ferr); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := actor.Ask(ctx, ref, Add{}); err != nil { // that handler has read it
			t.Fatal(err)
		}
		f.Close()
	}
}
