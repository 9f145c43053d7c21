package segment

import (
	"errors"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// TestWhole: over MaxBytes a payload has a segment of its size, one at a time,
// which is taken back by Trim or by the next one, and used again by one of the
// same size. Blocks are as before beside it.
func TestWhole(t *testing.T) { eachPolicy(t, testWhole) }

func testWhole(t *testing.T, policy Policy) {
	retired := 0
	p, known := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 5 << 20, Policy: policy, Retire: func(uint16) error { retired++; return nil }})
	r := newReturns()
	p.Switch(r, 0)
	small := mustTake(t, p, 100)
	b := mustTake(t, p, 3<<20+1)
	if a := known[b.Ref.Segment]; a.size != roundUp(3<<20+1) || a.class != a.size || a.blocks != 1 || len(b.Mem) != 3<<20+1 || policy.geometry(a.size, a.class, a.blocks) != nil {
		t.Errorf("announced %+v for %d bytes", a, len(b.Mem))
	}
	if s := p.Stats(); s.Whole != int64(roundUp(3<<20+1)) || s.Taken != 2 || s.Bytes > 1<<20 {
		t.Errorf("%+v", s)
	}
	if _, err := p.Take(2 << 20); !errors.Is(err, ErrDry) || p.Stats().Dry != 1 {
		t.Errorf("a second one: %v; %d were refused", err, p.Stats().Dry)
	}
	p.Lent(b, 1)
	if none, err := p.Trim(); none || err != nil {
		t.Errorf("while it is lent: %v, %v", none, err)
	}
	giveBack(r, b.Ref)
	if again := mustTake(t, p, 3<<20+2); again.Ref.Segment != b.Ref.Segment || again.Ref.Generation == b.Ref.Generation || retired != 0 {
		t.Errorf("%+v after %+v, %d retired", again.Ref, b.Ref, retired)
	} else {
		p.Put(again)
	}
	other := mustTake(t, p, 2<<20)
	if retired != 1 || len(known) != 2 {
		t.Errorf("%d retired, %d known", retired, len(known))
	}
	p.Put(other)
	if none, err := p.Trim(); !none || err != nil || retired != 2 || len(known) != 1 {
		t.Errorf("%v, %v, %d retired, %d known", none, err, retired, len(known))
	}
	var size *transport.SizeError
	if _, err := p.Take(5<<20 + 1); !errors.As(err, &size) || size.Limit != 5<<20 {
		t.Errorf("over MaxWhole: %v", err)
	}
	p.Lent(small, 2)
	p.Switch(newReturns(), 3)
	if s := p.Stats(); s.Lent != 0 || s.Taken != 0 || s.Whole != 0 {
		t.Errorf("at the end: %+v", s)
	}
	// With a death of the user while it is lent.
	b = mustTake(t, p, 2<<20)
	p.Lent(b, 7)
	p.Switch(newReturns(), 8)
	if none, err := p.Trim(); !none || err != nil {
		t.Errorf("after its user has died: %v, %v", none, err)
	}
}

// TestWholeIsNobodyElses: the block of a segment of its own is no block of the
// pool, while it is free as little as after it was taken back.
func TestWholeIsNobodyElses(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy Policy) {
		p, known := heapPool(PoolConfig{MaxBytes: 64 << 10, MaxWhole: 1 << 20, Policy: policy, Retire: func(uint16) error { return nil }})
		p.Put(mustTake(t, p, 1)) // there is a segment
		p.Put(mustTake(t, p, 128<<10))
		for again := range 2 {
			var all []Block
			for {
				b, err := p.Take(1)
				if errors.Is(err, ErrDry) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if a := known[b.Ref.Segment]; a.class > 64<<10 {
					t.Fatalf("a block of the segment of %d bytes", a.class)
				}
				all = append(all, b)
			}
			if len(all) != 16 {
				t.Errorf("%d blocks of 4096 bytes in 64 KiB", len(all))
			}
			for _, b := range all {
				p.Put(b)
			}
			if none, err := p.Trim(); !none || err != nil {
				t.Fatal(again, none, err)
			}
		}
	})
}

// TestWholeFailures: a failing Announce or machine leaves the books even.
func TestWholeFailures(t *testing.T) {
	failed := errors.New("as asked")
	fail, retired := true, 0
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 5 << 20, Retire: func(uint16) error { retired++; return nil },
		Announce: func(uint16, transport.File, int, int, int) error {
			if fail {
				return failed
			}
			return nil
		}})
	if _, err := p.Take(2 << 20); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	fail = false
	create := p.create
	p.create = func(int) (*Memory, error) { return nil, failed }
	if _, err := p.Take(2 << 20); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	p.create = create
	if s := p.Stats(); s.Segments != 0 || s.Blocks != 0 || s.Whole != 0 || len(p.ids) != 1 {
		t.Errorf("%+v; of two ids one was never announced, and %d are free", s, len(p.ids))
	}
	b := mustTake(t, p, 2<<20)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Put(b)
	if _, err := p.Take(2 << 20); !errors.Is(err, transport.ErrClosed) {
		t.Error(err)
	}
	if none, err := p.Trim(); none || err != nil || retired != 0 {
		t.Errorf("of a closed pool %d segments were taken back: %v, %v", retired, none, err)
	}
}

// TestGrowthTakesWholeBack: a pool that grows takes back the segment of a payload over
// MaxBytes, if that is free.
func TestGrowthTakesWholeBack(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	whole := mustTake(t, p, 2<<20)
	mustTake(t, p, 4<<10)
	if s := p.Stats(); s.Whole == 0 || len(known) != 2 {
		t.Errorf("it was taken back while it was taken: %+v, %v", s, known)
	}
	p.Put(whole)
	mustTake(t, p, 64<<10)
	if s := p.Stats(); s.Whole != 0 || len(known) != 2 {
		t.Errorf("%+v, %v", s, known)
	}
}

// TestIDsRest: an id is not used again soon: the user may still have the segment
// that had it before.
func TestIDsRest(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 4096, MaxWhole: 1 << 20, Retire: func(uint16) error { return nil }})
	last := map[uint16]int{}
	for i := range 3000 {
		b := mustTake(t, p, 4096*(2+i%2))
		if at, ok := last[b.Ref.Segment]; ok && i-at < freshIDs-MaxViewSegments {
			t.Fatalf("the id %d was used for segment %d and again for %d", b.Ref.Segment, at, i)
		}
		last[b.Ref.Segment] = i
		p.Put(b)
	}
	if len(last) > freshIDs {
		t.Errorf("%d ids were used", len(last))
	}
	mustTake(t, p, 10) // and they are not counted any more
}

// TestWholeForEver: without Retire there is one segment of its own, for payloads of one
// size. Others are refused, also when it is free.
func TestWholeForEver(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 5 << 20})
	p.Put(mustTake(t, p, 2<<20))
	if b, err := p.Take(3 << 20); !errors.Is(err, ErrDry) || p.Stats().Dry != 1 {
		t.Errorf("%d bytes, %v: %+v", len(b.Mem), err, p.Stats())
	}
	if none, err := p.Trim(); none || err != nil {
		t.Errorf("%v, %v", none, err)
	}
	p.Put(mustTake(t, p, 2<<20))
}

// TestWholeComesBackLate: what the user has given back is looked for by Trim, and is not
// what makes room for another class: it is taken back as what it is.
func TestWholeComesBackLate(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	r := newReturns()
	p.Switch(r, 0)
	lent := func(seq uint64) Block {
		b := mustTake(t, p, 2<<20)
		p.Lent(b, seq)
		return b
	}
	giveBack(r, lent(1).Ref)
	if none, err := p.Trim(); !none || err != nil || len(known) != 0 {
		t.Errorf("%v, %v; the user knows %v", none, err, known)
	}
	whole := lent(2)
	block := mustTake(t, p, 512<<10)
	p.Put(block) // all bytes are of that class
	giveBack(r, whole.Ref)
	p.grow.Lock() // as if it had come back just after it was looked for
	_, pl, err := p.decide(p.shelfFor(1<<20), 1<<20)
	p.grow.Unlock()
	if err != nil || pl == nil || !slices.Equal(pl.victims, []uint16{block.Ref.Segment}) || p.whole == nil || p.whole.busy != 0 {
		t.Fatalf("%+v, %v: it has not come back, or is to make way", pl, err)
	}
	p.Put(mustTake(t, p, 2<<20))
}
