package segment

import "testing"

// TestRecall: a block whose entry stayed is its owner's again, unless it was
// returned or the pool closed.
func TestRecall(t *testing.T) { eachPolicy(t, testRecall) }

func testRecall(t *testing.T, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	r := newReturns()
	p.Switch(r, 0)
	b := mustTake(t, p, 100)
	for range 3 {
		p.Lent(b, 1)
		if !p.Recall(b) {
			t.Fatal("no")
		}
	}
	if p.Recall(b) {
		t.Error("recalled what was not lent")
	}
	if s := p.Stats(); s.Taken != 1 || s.Lent != 0 || s.Free != s.Blocks-1 {
		t.Errorf("%+v", s)
	}
	p.Put(b)
	c := mustTake(t, p, 100)
	p.Lent(c, 2)
	if p.Recall(b) {
		t.Error("recalled an older generation")
	}
	giveBack(r, c.Ref) // by a user that was never given it
	p.Collect()
	if p.Recall(c) {
		t.Error("recalled what was returned")
	}
	d := mustTake(t, p, 100)
	p.Lent(d, 3)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Recall(d) {
		t.Error("recalled from a closed pool")
	}
}

// TestReclaim: a block that its user will not return is free again, once; not
// when it was returned, is in the owner's hands, or lent anew.
func TestReclaim(t *testing.T) { eachPolicy(t, testReclaim) }

func testReclaim(t *testing.T, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	r := newReturns()
	p.Switch(r, 0)
	a := mustTake(t, p, 100)
	if p.Reclaim(a.Ref) {
		t.Error("what is taken")
	}
	p.Lent(a, 1)
	if !p.Reclaim(a.Ref) || p.Reclaim(a.Ref) {
		t.Error("what is lent was not reclaimed, or twice")
	}
	b := mustTake(t, p, 100)
	p.Lent(b, 2)
	if b.Ref.Index != a.Ref.Index || p.Reclaim(a.Ref) {
		t.Error("an older lending of the same block")
	}
	giveBack(r, b.Ref)
	if p.Reclaim(b.Ref) {
		t.Error("what has come back")
	}
	if s := p.Stats(); s.Free != s.Blocks || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	c := mustTake(t, p, 100)
	p.Lent(c, 3)
	if p.Reclaim(BlockRef{Segment: c.Ref.Segment + 1, Generation: c.Ref.Generation}) {
		t.Error("of a segment that is not there")
	}
	if err := p.Close(); err != nil || p.Reclaim(c.Ref) {
		t.Error("of a closed pool: ", err)
	}
}

// TestReclaimLate: what is reclaimed long after it has come back may name an index that
// the segment with that id no longer has.
func TestReclaimLate(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 64 << 10, Retire: func(uint16) error { return nil }})
	r := newReturns()
	p.Switch(r, 0)
	var all []Block
	for range 4 {
		all = append(all, mustTake(t, p, pageBytes))
	}
	last := all[3]
	p.Lent(last, 1)
	giveBack(r, last.Ref)
	for _, b := range all[:3] {
		p.Put(b)
	}
	// Segments of two sizes take turns, until the first id is used again.
	for range 4 * freshIDs {
		b := mustTake(t, p, 64<<10)
		p.Put(b)
		for range borrowFor + 2 {
			b = mustTake(t, p, 32<<10)
			p.Put(b)
		}
		if b.Ref.Segment != last.Ref.Segment {
			continue
		}
		if n := len(p.segments[b.Ref.Segment].ledger); n > int(last.Ref.Index) {
			t.Fatalf("%d blocks", n)
		}
		if p.Reclaim(last.Ref) {
			t.Error("a block that is not there was reclaimed")
		}
		return
	}
	t.Fatalf("no id was used again: %+v", p.Stats())
}
