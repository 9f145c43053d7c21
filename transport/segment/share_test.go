package segment

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// Another owner's blocks that the user has a part in take their places in the
// return ring too, and come back by it, by the user's death, or never by a lie.
func TestShares(t *testing.T) {
	p, _ := heapPool(PoolConfig{Retire: func(uint16) error { return nil }})
	defer p.Close()
	back := heapReturns()
	p.Switch(back, 0)
	by := &parts{}
	ref := func(i uint16) BlockRef { return BlockRef{Segment: SharedIDs + 5, Index: i, Generation: 9} }
	for i := range uint16(transport.ReturnEntries) {
		if err := p.Share(ref(i), uint64(i), by); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := p.Share(ref(2000), 2000, by); !errors.Is(err, ErrDry) {
		t.Errorf("one more than the return ring has places: %v", err)
	}
	if _, err := p.Take(10); !errors.Is(err, ErrDry) {
		t.Errorf("a block of its own beyond the return ring's places: %v", err)
	}
	push := func(r BlockRef) {
		n := back.Tail.Load()
		back.Entries[n%transport.ReturnEntries].Store(transport.PackReturn(r.Segment, r.Index, r.Generation))
		back.Tail.Store(n + 1)
	}
	push(ref(3))
	push(ref(3))
	push(BlockRef{Segment: SharedIDs + 5, Index: 4, Generation: 8})
	if n := p.Collect(); n != 1 || by.ended != 1 || p.Stats().Refused != 2 {
		t.Errorf("collected %d, %d parts ended, %d refused; want 1, 1, 2", n, by.ended, p.Stats().Refused)
	}
	if err := p.Share(ref(7), 3000, by); err == nil {
		t.Error("the same block to the same user twice")
	}
	p.Switch(heapReturns(), 100)
	if by.ended != 100 {
		t.Errorf("%d parts ended of a user that has died before entry 100", by.ended)
	}
	p.EndShares(1 << 63)
	if by.ended != transport.ReturnEntries || p.Shared() != 0 {
		t.Errorf("%d parts ended of %d, %d are left", by.ended, transport.ReturnEntries, p.Shared())
	}
	p.Put(mustTake(t, p, 10))
}

// While others' blocks have all places in the return ring, a block is not taken
// off its shelf either, and idle segments are not taken back in vain: there would
// be no place for a block of the one that they make room for.
func TestSharesLeaveNoPlace(t *testing.T) {
	retired := 0
	p, known := heapPool(PoolConfig{MaxBytes: 1 << 20, Retire: func(uint16) error { retired++; return nil }})
	defer p.Close()
	p.Switch(heapReturns(), 0)
	for _, n := range []int{4 << 10, 512 << 10} { // small blocks, and larger ones that use up the rest
		p.Put(mustTake(t, p, n))
	}
	before := p.Stats()
	if before.Free < 2 || before.Bytes < 768<<10 {
		t.Fatalf("it does not have what this test is about: %+v", before)
	}
	by := &parts{}
	for i := range uint16(transport.ReturnEntries) {
		if err := p.Share(BlockRef{Segment: SharedIDs, Index: i, Generation: 1}, 1, by); err != nil {
			t.Fatal(i, err)
		}
	}
	for _, n := range []int{4 << 10, 512 << 10, 1 << 20} {
		if _, err := p.Take(n); !errors.Is(err, ErrDry) {
			t.Errorf("a block of %d bytes beyond the return ring's places: %v", n, err)
		}
	}
	after := p.Stats()
	before.Dry = after.Dry
	if retired != 0 || len(known) != before.Segments || after != before {
		t.Errorf("%d segments were taken back, %d are known; the pool is %+v, was %+v", retired, len(known), after, before)
	}
	p.EndShares(2)
	p.Put(mustTake(t, p, 1<<20))
	if retired != before.Segments || p.Stats().Segments != 1 {
		t.Errorf("%d of %d segments were taken back for a larger one: %+v", retired, before.Segments, p.Stats())
	}
}

// The last place in the return ring is kept for the segment of a payload over MaxBytes.
func TestSharesLeaveOnePlace(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	defer p.Close()
	p.Switch(heapReturns(), 0)
	by := &parts{}
	share := func(i uint16) {
		t.Helper()
		if err := p.Share(BlockRef{Segment: SharedIDs, Index: i, Generation: 1}, 1, by); err != nil {
			t.Fatal(i, err)
		}
	}
	for i := range uint16(transport.ReturnEntries - 1) {
		share(i)
	}
	if _, err := p.Take(10); !errors.Is(err, ErrDry) {
		t.Errorf("a block in the last place: %v", err)
	}
	p.Put(mustTake(t, p, 2<<20))
	share(transport.ReturnEntries - 1)
	if _, err := p.Take(2 << 20); !errors.Is(err, ErrDry) {
		t.Errorf("a block that has no place: %v", err)
	}
}

// A part ends with what the user has returned, with Unshare, and with EndShares of a
// later entry; then the same block can be shared anew, until the pool is closed.
func TestShareAgain(t *testing.T) {
	p, _ := heapPool(PoolConfig{})
	back := heapReturns()
	p.Switch(back, 0)
	by := &parts{}
	ref := func(i uint16) BlockRef { return BlockRef{Segment: SharedIDs, Index: i, Generation: 1} }
	for i := range uint16(transport.ReturnEntries) {
		if err := p.Share(ref(i), uint64(i), by); err != nil {
			t.Fatal(i, err)
		}
	}
	giveBack(back, ref(5))
	again := func(i uint16, ended int) {
		t.Helper()
		if err := p.Share(ref(i), uint64(i), by); err != nil || by.ended != ended || p.Shared() != transport.ReturnEntries {
			t.Errorf("%v; %d parts ended, of %d, and there are %d", err, by.ended, ended, p.Shared())
		}
	}
	again(5, 1)
	p.Unshare(ref(6))
	p.Unshare(ref(6)) // it has none any more
	again(6, 2)
	p.EndShares(7)
	if by.ended != 2+7 {
		t.Errorf("%d parts ended before entry 7", by.ended-2)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Share(ref(2000), 1, by); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("of a closed pool: %v", err)
	}
}

// A part that the next incarnation still has to end may have been ended by it
// before its page was installed: that stands in its ring then.
func TestSharesAtSwitch(t *testing.T) {
	p, _ := heapPool(PoolConfig{})
	defer p.Close()
	p.Switch(heapReturns(), 0)
	by := &parts{}
	ref := BlockRef{Segment: SharedIDs, Index: 1, Generation: 1}
	if err := p.Share(ref, 7, by); err != nil {
		t.Fatal(err)
	}
	next := heapReturns()
	giveBack(next, ref)
	p.Switch(next, 7)
	if n := p.Collect(); n != 1 || by.ended != 1 {
		t.Errorf("collected %d, %d parts ended", n, by.ended)
	}
}

// parts counts what has come back.
type parts struct{ ended int }

func (p *parts) Returned(BlockRef) { p.ended++ }

func heapReturns() transport.Returns {
	return transport.Returns{Tail: new(atomic.Uint64), Entries: make([]atomic.Uint64, transport.ReturnEntries)}
}
