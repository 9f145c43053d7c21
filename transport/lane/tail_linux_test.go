package lane

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// kernelForms calls f for each form whose entries are in the kernel, with an In that
// has read all of three entries.
func kernelForms(t *testing.T, f func(t *testing.T, st *stand, in *In)) {
	for _, form := range forms {
		if form.Create == nil {
			continue
		}
		t.Run(form.Name, func(t *testing.T) {
			st := newStand(t, form.Name)
			in := &In{Receiver: st.r, send: st.send, page: st.recv}
			for range 3 {
				mustTake(t, in)
			}
			f(t, st, in)
		})
	}
}

func mustTake(t *testing.T, in *In) {
	t.Helper()
	var e transport.Entry
	if err := in.Take(&e); err != nil {
		t.Fatal(err)
	}
	in.Done()
}

// TestReadBeforeTold: an entry is read that is in the queue and not yet in the tail,
// since its sender was stopped in between. Until it goes on there is nothing to read,
// and nobody looks for it all the time.
func TestReadBeforeTold(t *testing.T) {
	kernelForms(t, func(t *testing.T, st *stand, in *In) {
		st.send.Tail.Store(2) // the third was not stored
		if in.Pending() {
			t.Error("something is pending that was read already")
		}
		st.send.Tail.Store(3)
		if in.Pending() {
			t.Error("something is pending when all was read")
		}
		if _, err := st.s.Reserve(1); err != nil {
			t.Fatal(err)
		}
		if err := st.s.Commit(); err != nil {
			t.Fatal(err)
		}
		if !in.Pending() {
			t.Error("the next one is not pending")
		}
		mustTake(t, in)
	})
}

// TestToldOfNothing: a sender whose tail speaks of entries that are not in the queue
// does not keep its receiver busy.
func TestToldOfNothing(t *testing.T) {
	kernelForms(t, func(t *testing.T, st *stand, in *In) {
		for _, tail := range []uint64{4, 1 << 48, 1<<63 - 1, 1 << 63, 1<<64 - 1, 0} {
			st.send.Tail.Store(tail)
			if !in.Pending() {
				if tail > 3 && tail < 1<<63 {
					t.Errorf("tail %d is not looked for", tail)
				}
				continue
			}
			var e transport.Entry
			err := in.Take(&e)
			if lie := (*transport.CorruptError)(nil); !errors.As(err, &lie) || lie.Value != tail || lie.Limit != 3 {
				t.Errorf("tail %d of a queue that is read up to 3: %v; pending: %v", tail, err, in.Pending())
			}
		}
	})
}

// TestRemovedQueue: when somebody has removed a queue, it is told that something was in it.
func TestRemovedQueue(t *testing.T) {
	kernelForms(t, func(t *testing.T, st *stand, in *In) {
		if st.form.End == nil {
			t.Skip("nobody can remove it")
		}
		if _, err := st.s.Reserve(1); err != nil {
			t.Fatal(err)
		}
		if err := st.s.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := st.form.Remove(st.file); err != nil {
			t.Fatal(err)
		}
		var e transport.Entry
		if lost := (*transport.CorruptError)(nil); !errors.As(in.Take(&e), &lost) || lost.Value != 4 || lost.Limit != 3 {
			t.Errorf("%v", lost)
		}
	})
}
