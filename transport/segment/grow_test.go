package segment

import (
	"errors"
	"slices"
	"testing"
)

// TestIDsOfFailures: the id of a segment that could not be made is free again, since
// nobody has heard of it. That of one which the user would not give back is not.
func TestIDsOfFailures(t *testing.T) {
	failed := errors.New("as asked")
	var refuses error
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, Retire: func(uint16) error { return refuses }})
	p.segments, p.ids = make([]*owned, SharedIDs), []uint16{7} // all others were used
	create := p.create
	p.create = func(int) (*Memory, error) { return nil, failed }
	if _, err := p.Take(10); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	p.create = create
	b := mustTake(t, p, 10)
	if b.Ref.Segment != 7 {
		t.Errorf("segment %d", b.Ref.Segment)
	}
	p.Put(b)
	p.ids, refuses = []uint16{9}, failed
	if _, err := p.Take(1 << 20); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if slices.Contains(p.ids, 7) {
		t.Error("the user has a segment of an id that is free")
	}
}

// TestClosingIsNotForSmaller: a segment that has given way to a larger block that somebody
// waits for is not cut for a smaller one.
func TestClosingIsNotForSmaller(t *testing.T) {
	p, first, second := allOut(t)
	r := newReturns()
	p.Switch(r, 0)
	for i, b := range append(slices.Clone(first), second...) {
		p.Lent(b, uint64(i))
	}
	p.Want(4 << 20)
	closing := first
	if !p.segments[first[0].Ref.Segment].closing {
		closing = second
	}
	for _, b := range closing {
		giveBack(r, b.Ref)
	}
	p.Collect()
	if s := p.segments[closing[0].Ref.Segment]; !s.closing || s.busy != 0 {
		t.Fatal("no segment is closed and idle: this test shows nothing")
	}
	if b, err := p.Take(10); !errors.Is(err, ErrDry) {
		t.Errorf("a block of %d bytes, %v", cap(b.Mem), err)
	}
	if b := mustTake(t, p, 4<<20); cap(b.Mem) != 4<<20 {
		t.Errorf("a block of %d bytes", cap(b.Mem))
	}
	p.Unwant(4 << 20)
}

// TestPuttingBackDoesNotAllocate: a shelf has room for all blocks of its class from the
// moment when their segment is made.
func TestPuttingBackDoesNotAllocate(t *testing.T) {
	p, _ := heapPool(PoolConfig{})
	for segments := range 3 {
		for range 64 {
			mustTake(t, p, 4<<10)
		}
		if sh := p.shelves[0]; sh.total != 64*(segments+1) || cap(sh.free) < sh.total {
			t.Errorf("%d blocks, and room for %d", sh.total, cap(sh.free))
		}
	}
}
