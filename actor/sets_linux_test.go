package actor_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
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

// TestSharedIsWaitedFor: the last block of a set that its receivers have comes back, so
// nobody gets another one beyond the bytes of the set.
func TestSharedIsWaitedFor(t *testing.T) {
	const pool, small = 1 << 20, 16 << 10
	ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool, Full: mailbox.Fail}})
	large, err := actor.LendAll(ctx, refs, pool)
	if err != nil {
		t.Fatal(err)
	}
	large.Release()
	shown(t, ctx, refs, 1, small) // in the block of the large one
	if _, err := actor.LendAll(ctx, refs, small); !errors.Is(err, actor.ErrFull) {
		t.Errorf("beside what the receivers have: %v, want ErrFull", err)
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
