package node

import (
	"math/rand/v2"
	"testing"
)

// TestTable: a table says the same as a map, whatever comes and goes, and is
// never larger than what is in it calls for.
func TestTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var tb table
	want := map[uint32]*Target{}
	check := func(id uint32) {
		t.Helper()
		if got := tb.find(id); got != want[id] {
			t.Fatalf("find(%d) = %v, want %v", id, got, want[id])
		}
	}
	for range 3000 {
		id := rng.Uint32N(40)
		switch rng.IntN(3) {
		case 0:
			id = ^id // and at the other end
		case 1:
			id *= 64 // of the same slot
		}
		if x := want[id]; x != nil && rng.IntN(3) > 0 {
			tb = tb.without(x)
			delete(want, id)
		} else {
			x := &Target{ID: id}
			tb, want[id] = tb.with(x), x
		}
		check(id)
		for id := range want {
			check(id)
		}
		check(rng.Uint32())
		if len(tb) > 4*len(want) {
			t.Fatalf("%d slots for %d targets", len(tb), len(want))
		}
	}
}

// TestTargetsAreBounded: the table is not larger for the children that have been.
func TestTargetsAreBounded(t *testing.T) {
	n := &Node{}
	n.targets.Store(new(table))
	const most = 10_000
	for id := range uint32(most) {
		n.addTarget(&Target{ID: id, Pool: &Pool{}})
		if id >= 3 {
			n.drop(n.Known(id - 3))
		}
	}
	if l := len(*n.targets.Load()); l > 16 {
		t.Errorf("%d slots for 3 targets, after %d", l, most)
	}
	if n.Known(most-1) == nil || n.Known(0) != nil {
		t.Error("the last is not known, or the first is")
	}
}
