package actor_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// TestSharedAmongArenas: actors whose own blocks are in arenas read what is told to all of
// them where it stands, also if it is not the first block of its segment, and so does one
// among them with a pool.
func TestSharedAmongArenas(t *testing.T) {
	ctx, sup, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{Blocks: "arena"}})
	ref, err := supervisor.StartChild(ctx, sup, listener, supervisor.Child{Name: "listener-of-a-pool"})
	if err != nil {
		t.Fatal(err)
	}
	refs = append(refs, ref)
	var want [][]byte
	for number := range 5 {
		want = append(want, bytes.Clone(shown(t, ctx, refs, number, 5000)))
	}
	for i, ref := range refs {
		for number, data := range want {
			if r := recall(t, ctx, ref, number, true); !bytes.Equal(r.Data, data) {
				t.Errorf("listener %d reads other bytes in buffer %d", i, number)
			}
		}
	}
}

// TestMemoryOfManySets: an actor that belongs to many sets takes what each of them shares,
// which is together more than the blocks of one sender's own.
func TestMemoryOfManySets(t *testing.T) {
	ctx, _, refs := audience(t, 5, supervisor.Child{})
	number := 0
	for mask := 1; mask < 1<<len(refs); mask += 2 { // the first one is in each
		var set []actor.Ref[Listener]
		for i, ref := range refs {
			if mask>>i&1 == 1 {
				set = append(set, ref)
			}
		}
		for _, size := range []int{1000, 5000, 10000, 20000, 40000, 80000} {
			number++
			mem := bytes.Clone(shown(t, ctx, set, number, size))
			for _, ref := range set {
				if r := recall(t, ctx, ref, number, true); r.Incarnation != 1 || !bytes.Equal(r.Data, mem) {
					t.Fatalf("set %d, %d bytes: incarnation %d has %d, or others", mask, size, r.Incarnation, len(r.Data))
				}
			}
		}
	}
}

// TestSharedBesideWhatIsKept: actors that keep a small buffer until they are told more are
// told larger messages, as far as these fit beside that, though its segment has all the
// memory of the set.
func TestSharedBesideWhatIsKept(t *testing.T) {
	const pool = 256 << 10
	ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool}})
	ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	defer cancel()
	mem := bytes.Clone(shown(t, ctx, refs, 9, 100))
	for number, size := range []int{1: 5000, 2: 10_000, 3: 20_000, 4: 100_000} {
		for _, ref := range refs {
			recall(t, ctx, ref, number, false) // they have dealt with everything before
		}
		if err := actor.TellAll(ctx, refs, Script{Number: number, Text: make([]byte, size)}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if b, err := actor.LendAll(ctx, refs, size); err != nil {
			t.Fatalf("a buffer of %d bytes: %v", size, err)
		} else {
			b.Release()
		}
	}
	for _, ref := range refs {
		if r := recall(t, ctx, ref, 4, false); len(r.Data) != 100_000 {
			t.Errorf("the last has %d bytes", len(r.Data))
		}
		if r := recall(t, ctx, ref, 9, false); !bytes.Equal(r.Data, mem) {
			t.Error("what is kept has changed")
		}
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if b, err := actor.LendAll(soon, refs, pool); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a buffer of all the bytes beside it, of %d: %v", b.Len(), err)
	}
}

// TestSharedIsWaitedFor: the last block of a set that its receivers have yet to deal with
// comes back, so nobody gets another one beyond the bytes of the set.
func TestSharedIsWaitedFor(t *testing.T) {
	const pool, small = 1 << 20, 16 << 10
	ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool, Full: mailbox.Fail}})
	large, err := actor.LendAll(ctx, refs, pool)
	if err != nil {
		t.Fatal(err)
	}
	large.Release()
	slow := recall(t, ctx, refs[1], 1, false).PID
	stopProcess(t, slow)
	shown(t, ctx, refs, 1, small) // in the block of the large one
	recall(t, ctx, refs[0], 1, false)
	if _, err := actor.LendAll(ctx, refs, small); !errors.Is(err, actor.ErrFull) {
		t.Errorf("beside what the receivers have: %v, want ErrFull", err)
	}
	if err := syscall.Kill(slow, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		recall(t, ctx, ref, 1, true)
	}
	for range 2 { // the second one beside what the sender has himself
		b, err := actor.LendAll(ctx, refs, small)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
	}
}

// TestSharedToOneAndLentToAll: a shared buffer can be told to one actor, and
// one that was lent for one actor to all; after both it is dead for the sender.
func TestSharedToOneAndLentToAll(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, _, refs := audience(t, 2, supervisor.Child{})
	tell := func(what string, b actor.Buffer, tell func() error) {
		t.Helper()
		copy(b.Bytes(), what)
		if err := tell(); err != nil {
			t.Fatal(what, err)
		}
		defer func() {
			t.Helper()
			if err, _ := recover().(error); !errors.Is(err, mailbox.ErrBufferDead) {
				t.Errorf("%s: the buffer is not dead: %v", what, err)
			}
		}()
		b.Bytes()
	}
	shared, err := actor.LendAll(ctx, refs, sceneBytes)
	if err != nil {
		t.Fatal(err)
	}
	mem := shared.Bytes()
	tell("one", shared, func() error { return actor.Tell(ctx, refs[0], Scene{Number: 1, Data: shared}) })
	if r := recall(t, ctx, refs[0], 1, true); !bytes.HasPrefix(r.Data, []byte("one")) {
		t.Errorf("%q", r.Data[:3])
	}
	if place(t, ctx, refs, sceneBytes) != &mem[0] {
		t.Error("the block is not free")
	}
	lent, err := actor.Lend(ctx, refs[0], sceneBytes)
	if err != nil {
		t.Fatal(err)
	}
	tell("all", lent, func() error { return actor.TellAll(ctx, refs, Scene{Number: 2, Data: lent}) })
	for _, ref := range refs {
		if r := recall(t, ctx, ref, 2, true); !bytes.HasPrefix(r.Data, []byte("all")) {
			t.Errorf("%q", r.Data[:3])
		}
	}
}

// TestManySets: a process that sends to many sets of actors keeps a bounded
// number of them, and says so when buffers of each are in use.
func TestManySets(t *testing.T) {
	testutil.Descriptors(t, 128)
	ctx, _, refs := audience(t, 5, supervisor.Child{})
	sets := func(f func(set []actor.Ref[Listener]) error) (err error) {
		for mask := 1; mask < 1<<len(refs) && err == nil; mask++ {
			var set []actor.Ref[Listener]
			for i, ref := range refs {
				if mask>>i&1 == 1 {
					set = append(set, ref)
				}
			}
			err = f(set)
		}
		return err
	}
	n := 0
	if err := sets(func(set []actor.Ref[Listener]) error {
		n++
		shown(t, ctx, set, n, 5000)
		for _, ref := range set {
			recall(t, ctx, ref, n, true)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var all []actor.Buffer
	err := sets(func(set []actor.Ref[Listener]) error {
		b, err := actor.LendAll(ctx, set, 5000)
		all = append(all, b)
		return err
	})
	if err == nil || len(all) != 17 {
		t.Errorf("set %d: %v", len(all), err)
	}
	for _, b := range all {
		b.Release()
	}
}

// TestMoreSetsThanAreKept: more sets of actors are used at once than a process
// keeps. One that makes room for another is not missed by whoever has just found
// it.
func TestMoreSetsThanAreKept(t *testing.T) {
	testutil.Threads(t, 256)
	testutil.Descriptors(t, 256)
	ctx, _, refs := audience(t, 7, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 1 << 20}})
	var all sync.WaitGroup
	for i := range refs {
		for j := range i {
			all.Go(func() {
				pair := []actor.Ref[Listener]{refs[i], refs[j]}
				for range testutil.Rounds(20, 1000) {
					if err := actor.TellAll(ctx, pair, Script{Text: make([]byte, 32<<10)}); err != nil {
						t.Errorf("tell: %v", err)
						return
					}
					b, err := actor.LendAll(ctx, pair, 8<<10)
					if l := new(transport.LimitError); err != nil && !errors.As(err, &l) {
						t.Errorf("lend: %v", err)
						return
					}
					b.Release()
				}
			})
		}
	}
	all.Wait()
}

// TestSetsEndWithTheirProcess: at the end nothing stays mapped of what a process shares
// with sets of actors: not what they have kept, nor, once it is released, what the process
// itself has lent and not sent.
func TestSetsEndWithTheirProcess(t *testing.T) {
	testutil.Audit(t)
	ctx, sup, refs := audience(t, 2, supervisor.Child{})
	shown(t, ctx, refs, 1, 80_000)
	shown(t, ctx, refs[:1], 2, 5000)
	recall(t, ctx, refs[0], 1, true)
	b, err := actor.LendAll(ctx, refs, 300_000)
	if err != nil {
		t.Fatal(err)
	}
	sup.Shutdown()
	b.Bytes()[299_999] = 1
	b.Release()
}
