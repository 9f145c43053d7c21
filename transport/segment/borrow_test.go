package segment

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// TestBorrowing: a class that finds all bytes with a larger one uses its blocks
// for a while, and then gets a segment in the place of an idle one; but not in
// that of one with a block out.
func TestBorrowing(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxBytes: 8 << 20, Retire: func(uint16) error { return nil }})
	var large []Block // two segments of four, which are all there is
	for range 8 {
		large = append(large, mustTake(t, p, 1<<20))
	}
	if s := p.Stats(); s.Segments != 2 || s.Bytes != 8<<20 {
		t.Fatalf("stats %+v", s)
	}
	kept := []Block{large[0], large[7]} // one of each
	for _, b := range large[1:7] {
		p.Put(b)
	}
	small := func(n, size int) {
		t.Helper()
		for i := range n {
			b := mustTake(t, p, 10)
			if cap(b.Mem) != size {
				t.Fatalf("block %d has %d bytes, want one of %d", i, cap(b.Mem), size)
			}
			p.Put(b)
		}
	}
	small(3*borrowFor, 1<<20)
	if len(known) != 2 {
		t.Fatalf("a segment with a block out was replaced: the user knows %v", known)
	}
	p.Put(kept[0])
	for range borrowFor {
		p.Put(mustTake(t, p, 10))
	}
	small(10, 4<<10)
	if s := p.Stats(); s.Segments != 2 || s.Bytes >= 8<<20 {
		t.Errorf("stats %+v", s)
	}
	kept[1].Mem[1<<20-1] = 1 // still there
	p.Put(kept[1])
}

// TestBorrowingNeverIdle: with blocks always out of each segment, one of them is
// closed, so that it gives way when these have come back; and nobody is refused
// a block on the way.
func TestBorrowingNeverIdle(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 8 << 20, Retire: func(uint16) error { return nil }})
	var large []Block
	for range 8 {
		large = append(large, mustTake(t, p, 1<<20))
	}
	for _, b := range large[2:6] { // two of each segment stay out
		p.Put(b)
	}
	out := []Block{large[0], large[1], large[6], large[7]}
	for range 4 * borrowFor { // four are always out
		b := mustTake(t, p, 10)
		if cap(b.Mem) == 4<<10 {
			return
		}
		p.Put(out[0])
		out = append(out[1:], b)
	}
	t.Fatalf("never a block of its own class: %+v", p.Stats())
}

// TestGivingIsTakenBack: a closed segment opens again for its own class, and when
// there is nothing else to borrow.
func TestGivingIsTakenBack(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 8 << 20, Retire: func(uint16) error { return nil }})
	var large []Block
	for range 8 {
		large = append(large, mustTake(t, p, 1<<20))
	}
	p.Put(large[1])
	p.Put(large[6]) // one is free in each segment
	for range borrowFor + 1 {
		p.Put(mustTake(t, p, 10))
	}
	if p.giving == nil {
		t.Fatal("no segment is closed: this test shows nothing")
	}
	a, b := mustTake(t, p, 10), mustTake(t, p, 10)
	if p.giving != nil || cap(a.Mem) != 1<<20 || cap(b.Mem) != 1<<20 {
		t.Errorf("closed: %v; blocks of %d and %d bytes", p.giving != nil, cap(a.Mem), cap(b.Mem))
	}
	p.Put(a)
	p.Put(b)
	for range borrowFor + 1 {
		p.Put(mustTake(t, p, 10))
	}
	if p.giving == nil {
		t.Fatal("no segment is closed again")
	}
	mustTake(t, p, 1<<20)
	mustTake(t, p, 1<<20)
	if p.giving != nil {
		t.Error("still closed for a smaller class")
	}
}

// allOut is a pool all of whose bytes have two segments of four blocks of 1 MiB, all out.
func allOut(t *testing.T) (p *Pool, first, second []Block) {
	t.Helper()
	p, _ = heapPool(PoolConfig{MaxBytes: 8 << 20, Retire: func(uint16) error { return nil }})
	all := make([]Block, 8)
	for i := range all {
		all[i] = mustTake(t, p, 1<<20)
	}
	if all[3].Ref.Segment != all[0].Ref.Segment || all[4].Ref.Segment == all[0].Ref.Segment {
		t.Fatal("the blocks stand otherwise: this test shows nothing")
	}
	return p, all[:4], all[4:]
}

// borrowLong takes small blocks until the class has borrowed for long.
func borrowLong(t *testing.T, p *Pool) {
	t.Helper()
	for range borrowFor + 1 {
		p.Put(mustTake(t, p, 10))
	}
	if p.giving == nil {
		t.Fatal("no segment is closed: this test shows nothing")
	}
}

// TestGivenIsTheLeastBusy: of the segments that could be closed for a class the one is
// with the fewest blocks out, and it stays that one.
func TestGivenIsTheLeastBusy(t *testing.T) {
	for _, least := range []int{0, 1} {
		p, first, second := allOut(t)
		parts := [2][]Block{first, second}
		p.Put(parts[1-least][0])
		for _, b := range parts[least][:2] {
			p.Put(b)
		}
		borrowLong(t, p)
		want := p.segments[parts[least][0].Ref.Segment]
		if p.giving != want {
			t.Error("the busier one is closed")
		}
		for _, b := range parts[1-least][1:] {
			p.Put(b)
		}
		p.mu.Lock()
		p.give(0)
		p.mu.Unlock()
		if p.giving != want {
			t.Error("another one is closed, when there is one already")
		}
	}
}

// TestGivenIsNotWanted: a segment that is being emptied for a larger block is not given to
// a smaller class, though it is the least busy one.
func TestGivenIsNotWanted(t *testing.T) {
	p, first, second := allOut(t)
	p.Switch(newReturns(), 0)
	for i, b := range [][]Block{first[:2], second[:3]} {
		for _, b := range b {
			p.Lent(b, uint64(i))
		}
	}
	for _, b := range []Block{first[2], first[3], second[3]} {
		p.Put(b)
	}
	p.Want(4 << 20)
	wanted, other := p.segments[first[0].Ref.Segment], p.segments[second[0].Ref.Segment]
	if !wanted.closing || other.closing {
		t.Fatal("it is not the least busy segment that is closed: this test shows nothing")
	}
	p.mu.Lock()
	p.give(0)
	p.mu.Unlock()
	if p.giving != other {
		t.Error("what is wanted is given away")
	}
}

// TestOwnClassOpensItsSegment: whoever needs a block of the class that a closed segment
// has gets one of that, and no other segment goes for it.
func TestOwnClassOpensItsSegment(t *testing.T) {
	retired := 0
	p, _ := heapPool(PoolConfig{MaxBytes: 12 << 20, Retire: func(uint16) error { retired++; return nil }})
	var smaller []Block // of a segment that is idle later
	for range 8 {
		smaller = append(smaller, mustTake(t, p, 512<<10))
	}
	large := make([]Block, 8)
	for i := range large {
		large[i] = mustTake(t, p, 1<<20)
	}
	p.Put(large[0])
	p.Put(large[1])
	p.Put(large[7])
	for range borrowFor + 1 {
		p.Put(mustTake(t, p, 10<<10))
	}
	if p.giving != p.segments[large[0].Ref.Segment] {
		t.Fatal("no segment is closed, or the other one: this test shows nothing")
	}
	mustTake(t, p, 1<<20) // the last one of the segment that is open
	for _, b := range smaller {
		p.Put(b)
	}
	if b := mustTake(t, p, 1<<20); b.Ref.Segment != large[0].Ref.Segment || retired != 0 {
		t.Errorf("a block of segment %d; %d segments were taken back for it", b.Ref.Segment, retired)
	}
	if p.giving != nil {
		t.Error("it is still to be given")
	}
}

// TestGivenIsUsedAtOnce: when the last block of the closed segment is back, the class
// that it was closed for does not borrow any more.
func TestGivenIsUsedAtOnce(t *testing.T) {
	p, first, second := allOut(t)
	p.Put(second[0])
	p.Put(first[0])
	p.Put(first[1])
	borrowLong(t, p)
	if b := mustTake(t, p, 10); cap(b.Mem) != 1<<20 || b.Ref.Segment != second[0].Ref.Segment {
		t.Fatalf("a block of %d bytes of segment %d", cap(b.Mem), b.Ref.Segment)
	} else {
		p.Put(b)
	}
	p.Put(first[2])
	p.Put(first[3])
	if b := mustTake(t, p, 10); cap(b.Mem) != 4<<10 {
		t.Errorf("it borrows a block of %d bytes, and could have its own", cap(b.Mem))
	}
	if p.giving != nil {
		t.Error("a segment that is gone is still to be given")
	}
	if n := p.shelves[0].borrowed; n != 0 {
		t.Errorf("it has a segment of its own, and still counts as one that has borrowed %d times", n)
	}
}

// TestWantedIsNotBorrowed: a block that somebody waits for is not lent to a smaller class
// that has none.
func TestWantedIsNotBorrowed(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 16 << 20, Retire: func(uint16) error { return nil }})
	big := mustTake(t, p, 4<<20)
	mustTake(t, p, 4<<20)
	for seq := range uint64(8) { // two segments, whose blocks will come back by themselves
		p.Lent(mustTake(t, p, 1<<20), seq)
	}
	p.Want(4 << 20)
	if p.wanted == 0 {
		t.Fatal("nothing is closed for it: this test shows nothing")
	}
	p.Put(big)
	if b, err := p.Take(10); !errors.Is(err, ErrDry) {
		t.Errorf("a block of %d bytes, %v", cap(b.Mem), err)
	}
	mustTake(t, p, 4<<20)
	p.Unwant(4 << 20)
}

// TestOwnBlocksAreNotWaitedFor: when nothing is lent, who has borrowed the last block
// gets another beside it, since nobody could give one back; but no more than the pool's
// bytes by what was asked for, and none while one is lent.
func TestOwnBlocksAreNotWaitedFor(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxBytes: 1 << 20, Retire: func(uint16) error { return nil }})
	p.Switch(newReturns(), 0)
	refused := func(n int) {
		t.Helper()
		if b, err := p.Take(n); !errors.Is(err, ErrDry) {
			t.Fatalf("a block of %d for %d bytes, %v; want ErrDry", len(b.Mem), n, err)
		}
	}
	p.Put(mustTake(t, p, 600<<10)) // that is all there may be
	first := mustTake(t, p, 16<<10)
	if cap(first.Mem) != 1<<20 {
		t.Fatalf("a block of %d bytes, which is not borrowed", cap(first.Mem))
	}
	p.Lent(first, 1)
	refused(16 << 10) // it comes back
	if !p.Recall(first) {
		t.Fatal("no recall")
	}
	second := mustTake(t, p, 16<<10)
	third := mustTake(t, p, 512<<10)
	refused(512 << 10)
	fourth := mustTake(t, p, 256<<10)
	for i, b := range []Block{first, second, third, fourth} {
		b.Mem[0], b.Mem[len(b.Mem)-1] = byte(i), byte(i)
	}
	if s := p.Stats(); len(known) != 4 || s.Bytes > 2<<20 {
		t.Errorf("the user knows %v; stats %+v", known, s)
	}
	for i, b := range []Block{first, second, third, fourth} {
		if b.Mem[0] != byte(i) || b.Mem[len(b.Mem)-1] != byte(i) {
			t.Errorf("block %d was written by another one's owner", i)
		}
		p.Put(b)
	}
	for n := 1 << 20; n > 4096; n /= 2 { // each gets room again, in the place of what is idle
		p.Put(mustTake(t, p, n))
	}
}

// TestRoomBesideKept: a block that the user keeps, perhaps until the next message, does
// not keep larger ones waiting that fit beside it; one that it has still to deal with does.
func TestRoomBesideKept(t *testing.T) {
	const pool, kept, seq = 256 << 10, 100, 7
	p, known := heapPool(PoolConfig{MaxBytes: pool, Retire: func(uint16) error { return nil }})
	p.Switch(newReturns(), 0)
	b := mustTake(t, p, kept)
	if known[b.Ref.Segment].size < pool {
		t.Fatal("there is room beside its segment: this test shows nothing")
	}
	p.Lent(b, seq)
	p.Handled(transport.Place{Seq: seq})
	if b, err := p.Take(10 << 10); err != ErrDry {
		t.Errorf("a block of %d bytes while it is in hand: %v, want ErrDry", cap(b.Mem), err)
	}
	p.Handled(transport.Place{Seq: seq + 1})
	for n := 10 << 10; n <= pool/2; n *= 2 {
		p.Put(mustTake(t, p, n))
	}
	if b, err := p.Take(pool/2 + 1); err != ErrDry {
		t.Errorf("a block of %d bytes beside it: %v, want ErrDry", cap(b.Mem), err)
	}
	if s := p.Stats(); s.Bytes > 2*pool || s.Lent != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestAwayIsWaitedFor: of a set of users, who have what is not Lent here, nobody gets a
// block beyond the bytes of the pool while they have some.
func TestAwayIsWaitedFor(t *testing.T) {
	away := true
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, Retire: func(uint16) error { return nil }, Away: func() bool { return away }})
	p.Put(mustTake(t, p, 600<<10)) // that is all there may be
	mustTake(t, p, 16<<10)
	if b, err := p.Take(16 << 10); !errors.Is(err, ErrDry) {
		t.Errorf("a block of %d bytes, %v; want ErrDry", cap(b.Mem), err)
	}
	away = false
	mustTake(t, p, 16<<10)
}

// TestOwnBlocksByTheByte: what is out counts by what was asked for, up to the last byte.
// What is free does not, though it was asked for once; nor does a segment of its own.
func TestOwnBlocksByTheByte(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	p.Put(mustTake(t, p, 3<<20))
	mustTake(t, p, 2<<20) // in the place of that, whose id has no segment now
	var small []Block
	for range 64 {
		small = append(small, mustTake(t, p, 4<<10))
	}
	for _, b := range small[2:] { // two stay, and the segment with them
		p.Put(b)
	}
	for n := 512 << 10; n >= 8<<10; n /= 2 {
		if b := mustTake(t, p, n); cap(b.Mem) != n {
			t.Fatalf("%d bytes for %d", cap(b.Mem), n)
		}
	}
	if b, err := p.Take(8 << 10); !errors.Is(err, ErrDry) {
		t.Errorf("%d bytes beyond those of the pool, %v: %+v", cap(b.Mem), err, p.Stats())
	}
}

// TestOwnBlocksKeepBounds: nor are more segments made than there may be.
func TestOwnBlocksKeepBounds(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxSegments: 1, Retire: func(uint16) error { return nil }})
	p.Put(mustTake(t, p, 600<<10))
	mustTake(t, p, 16<<10)
	if _, err := p.Take(16 << 10); !errors.Is(err, ErrDry) || p.Stats().Segments != 1 {
		t.Errorf("%v: %+v", err, p.Stats())
	}
}

// TestNothingIsClosedForNothing: where segments are never taken back none is closed, and
// none of the same class or a smaller one.
func TestNothingIsClosedForNothing(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 2 << 20})
	for range 2 {
		mustTake(t, p, 1<<20)
	}
	p.mu.Lock()
	p.give(0)
	p.mu.Unlock()
	if p.giving != nil {
		t.Error("a segment is closed that cannot be taken back")
	}
	p, _, _ = allOut(t)
	for _, k := range []int{p.shelfFor(1 << 20), len(p.shelves) - 1} {
		p.mu.Lock()
		p.give(k)
		p.mu.Unlock()
		if p.giving != nil {
			t.Errorf("a segment of blocks that are not larger is closed for shelf %d", k)
		}
	}
}
