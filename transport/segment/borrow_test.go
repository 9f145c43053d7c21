package segment

import "testing"

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
	for i := 0; i < 4*borrowFor; i++ { // four are always out
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
