package segment

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// flood is a sender of small blocks that is never content: it takes what it can
// get, and the user deals with it in order.
type flood struct {
	t       *testing.T
	p       *Pool
	r       transport.Returns
	n       int // bytes of a block
	seq     uint64
	handled uint64
	out     []Block // in the order of lending
}

func newFlood(t *testing.T, cfg PoolConfig, n int) *flood {
	cfg.Retire = func(uint16) error { return nil }
	p, _ := heapPool(cfg)
	f := &flood{t: t, p: p, r: newReturns(), n: n}
	p.Switch(f.r, 0)
	f.more()
	return f
}

// more takes and lends until there is nothing, and says how many.
func (f *flood) more() (n int) {
	for ; ; n++ {
		b, err := f.p.Take(f.n)
		if errors.Is(err, ErrDry) {
			return n
		}
		if err != nil {
			f.t.Fatal(err)
		}
		f.p.Lent(b, f.seq)
		f.seq++
		f.out = append(f.out, b)
	}
}

// handle is the user's next message: its block comes back, unless it is kept.
func (f *flood) handle(keep bool) {
	b := f.out[0]
	f.out = f.out[1:]
	f.handled++
	if !keep {
		giveBack(f.r, b.Ref)
	}
	f.p.Handled(transport.Place{Seq: f.handled})
}

// TestWantedIsServed: who waits for a large block gets one although small ones
// are asked for all the time, after no more than what was out has come back.
func TestWantedIsServed(t *testing.T) {
	for _, c := range []struct{ pool, small, large int }{
		{4 << 20, 64 << 10, 1 << 20}, {4 << 20, 64 << 10, 4 << 20}, {16 << 20, 64 << 10, 4 << 20}, {16 << 20, 1 << 20, 8 << 20}, {8 << 20, 4 << 10, 2 << 20},
	} {
		f := newFlood(t, PoolConfig{MaxBytes: int64(c.pool)}, c.small)
		backlog, got := len(f.out), 0
		f.p.Want(c.large)
		for i := 0; ; i++ {
			b, err := f.p.Take(c.large)
			if err == nil {
				t.Logf("%d of %d: after %d messages of %d, %d small ones in between", c.large, c.pool, i, backlog, got)
				f.p.Put(b)
				break
			}
			if !errors.Is(err, ErrDry) || i == backlog {
				t.Fatalf("%d bytes of %d: %v after all %d small ones came back", c.large, c.pool, err, backlog)
			}
			f.handle(false)
			got += f.more()
		}
		if closed := f.p.wanted > 0; f.p.Unwant(c.large) != closed {
			t.Errorf("the end of the wait: segments were closed for it: %v", closed)
		}
		if f.more() == 0 {
			t.Error("small blocks wait for nobody")
		}
	}
}

// TestKeptIsNotWaitedFor: a segment with a block that the user keeps is not closed,
// and one that is closed opens when it turns out so: else those who are refused
// its free blocks would wait for what may never come.
func TestKeptIsNotWaitedFor(t *testing.T) {
	f := newFlood(t, PoolConfig{MaxBytes: 4 << 20}, 64<<10)
	f.p.Want(4 << 20)
	if f.p.wanted == 0 {
		t.Fatal("nothing is closed")
	}
	for len(f.out) > 0 { // it keeps the last of each segment: those come one after the other
		keep := len(f.out) == 1 || f.out[1].Ref.Segment != f.out[0].Ref.Segment
		f.handle(keep)
	}
	if _, err := f.p.Take(4 << 20); !errors.Is(err, ErrDry) {
		t.Fatal(err)
	}
	if n := f.more(); n != 60 {
		t.Errorf("%d of 60 free blocks can be lent", n)
	}
	f.p.Unwant(4 << 20)
}

// TestSmallBlocksLeaveRoom: the blocks of a pool are counted, and small ones use
// the count up long before the bytes. The last are for sizes that have none.
func TestSmallBlocksLeaveRoom(t *testing.T) {
	f := newFlood(t, PoolConfig{}, 16<<10)
	if s := f.p.Stats(); s.Bytes > defaultMaxBytes/2 {
		t.Fatalf("%+v", s)
	}
	for _, n := range []int{4 << 20, 1 << 20, 8 << 20} {
		if _, err := f.p.Take(n); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestSmallBlocksLeaveASegment: the same of a pool that may have few segments.
func TestSmallBlocksLeaveASegment(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxSegments: 3, Retire: func(uint16) error { return nil }})
	var err error
	for err == nil {
		_, err = p.Take(4096)
	}
	if !errors.Is(err, ErrDry) || len(known) != 2 {
		t.Errorf("%d segments, %v", len(known), err)
	}
	if _, err := p.Take(1 << 20); err != nil {
		t.Error(err)
	}
}

// TestWantedWithoutRetire: where segments are for ever none is closed.
func TestWantedWithoutRetire(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20})
	b := mustTake(t, p, 4096)
	p.Put(b)
	p.Want(1 << 20)
	if p.wanted != 0 || p.segments[b.Ref.Segment].closing {
		t.Error("a segment is closed that cannot be taken back")
	}
	if p.Unwant(1 << 20) {
		t.Error("others may find a block, and none was closed")
	}
}

// TestLargestGoesFirst: segments are closed for the largest block that somebody waits
// for, whoever came first, and then for the next one.
func TestLargestGoesFirst(t *testing.T) {
	for _, sizes := range [][]int{{1 << 20, 4 << 20}, {4 << 20, 1 << 20}} {
		f := newFlood(t, PoolConfig{MaxBytes: 4 << 20}, 64<<10)
		for _, n := range sizes {
			f.p.Want(n)
		}
		for _, n := range []int{4 << 20, 1 << 20} {
			if f.p.wanted != f.p.shelfFor(n) {
				t.Errorf("%d are waited for: segments are closed for shelf %d, want that of %d", sizes, f.p.wanted, n)
			}
			f.p.Unwant(n)
		}
		if f.p.wanted != 0 {
			t.Errorf("segments are closed for shelf %d, and nobody waits", f.p.wanted)
		}
	}
}

// TestKeptOpensForOthers: of two that wait one gives up; meanwhile the user has kept a block
// of the segment that was to give way. Others hear that the blocks of that one can be had.
func TestKeptOpensForOthers(t *testing.T) {
	f := newFlood(t, PoolConfig{MaxBytes: 4 << 20}, 64<<10)
	f.p.Want(1 << 20)
	f.p.Want(1 << 20)
	wanted := f.p.wanted
	for kept := false; !kept; {
		kept = f.p.segments[f.out[0].Ref.Segment].closing
		f.handle(kept)
	}
	if !f.p.Unwant(1<<20) || f.p.wanted != wanted {
		t.Errorf("nothing to be had, in the place of shelf %d shelf %d is wanted", wanted, f.p.wanted)
	}
	if f.p.Unwant(1 << 20); f.p.wanted != 0 {
		t.Error("nobody waits, and segments are closed")
	}
}

// lentOut is a pool of 4 MiB, all of which are blocks of 64 KiB, 16 in each segment, that the
// user has.
func lentOut(t *testing.T) (f *flood, ids []uint16) {
	t.Helper()
	f = newFlood(t, PoolConfig{MaxBytes: 4 << 20}, 64<<10)
	for _, b := range f.out {
		if len(ids) == 0 || ids[len(ids)-1] != b.Ref.Segment {
			ids = append(ids, b.Ref.Segment)
		}
	}
	if len(f.out) != 64 || len(ids) != 4 {
		t.Fatalf("%d blocks in segments %v: this test shows nothing", len(f.out), ids)
	}
	return f, ids
}

// back gives n blocks of a segment back.
func (f *flood) back(id uint16, n int) {
	for _, b := range f.out {
		if b.Ref.Segment == id && n > 0 {
			giveBack(f.r, b.Ref)
			n--
		}
	}
	f.p.Collect()
}

// TestWhoGivesWay: it is the least busy segment that is closed, and stays closed when
// another one has become less busy.
func TestWhoGivesWay(t *testing.T) {
	f, ids := lentOut(t)
	f.back(ids[2], 3)
	for range 2 {
		f.p.Want(1 << 20)
		for _, id := range ids {
			if closing := f.p.segments[id].closing; closing != (id == ids[2]) {
				t.Errorf("segment %d of %v is closed: %v", id, ids, closing)
			}
		}
		f.back(ids[1], 10)
	}
}

// TestWhoCannotGiveWay: nothing is closed for a block of the same size, nor if that would
// not be enough, nor where the owner has the blocks in hand.
func TestWhoCannotGiveWay(t *testing.T) {
	f, _ := lentOut(t)
	if f.p.Want(64 << 10); f.p.wanted != 0 {
		t.Error("for a block of the same size")
	}
	f.p.Unwant(64 << 10)
	p, _ := heapPool(PoolConfig{MaxBytes: 4 << 20, Retire: func(uint16) error { return nil }})
	mustTake(t, p, 2<<20)
	p.Lent(mustTake(t, p, 64<<10), 0)
	if p.Want(4 << 20); p.wanted != 0 {
		t.Error("for a block for which there is no room beside a large one")
	}
	p, _ = heapPool(PoolConfig{MaxBytes: 1 << 20, Retire: func(uint16) error { return nil }})
	mustTake(t, p, 64<<10)
	if p.Want(1 << 20); p.wanted != 0 {
		t.Error("in the owner's hands")
	}
}

// TestWayForASegment: a segment is closed also if it is not its bytes that are wanted, but
// that there may be no more segments.
func TestWayForASegment(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxSegments: 2, Retire: func(uint16) error { return nil }})
	p.Lent(mustTake(t, p, 4<<10), 0)
	p.Lent(mustTake(t, p, 64<<10), 1)
	if p.Want(1 << 20); p.wanted == 0 {
		t.Error("nothing gives way")
	}
}

// TestWholeDoesNotGiveWay: the segment of a payload over MaxBytes is not closed for a block,
// nor are there blocks of it afterwards.
func TestWholeDoesNotGiveWay(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	r := newReturns()
	p.Switch(r, 0)
	small := mustTake(t, p, 4<<10)
	p.Lent(small, 0)
	whole := mustTake(t, p, 2<<20)
	p.Lent(whole, 1)
	p.Want(1 << 20)
	if !p.segments[small.Ref.Segment].closing || p.whole.closing {
		t.Errorf("closed: %v, and the other %v", p.segments[small.Ref.Segment].closing, p.whole.closing)
	}
	giveBack(r, whole.Ref)
	p.Unwant(1 << 20)
	for {
		b, err := p.Take(4 << 10)
		if errors.Is(err, ErrDry) {
			return
		}
		if err != nil || b.Ref.Segment == whole.Ref.Segment {
			t.Fatalf("a block of the segment of a large payload, or %v", err)
		}
	}
}

// TestRoomForWhole: a pool with large payloads keeps a segment and a block back for one, so
// that all together are not more than the user accepts.
func TestRoomForWhole(t *testing.T) {
	for _, segments := range []int{2, 3, MaxViewSegments} {
		p, _ := heapPool(PoolConfig{MaxBytes: 16 << 20, MaxWhole: 32 << 20, MaxSegments: segments, Retire: func(uint16) error { return nil }})
		for n := 4 << 10; n <= 16<<20; n *= 2 {
			for err := error(nil); err == nil; {
				_, err = p.Take(n)
			}
		}
		mustTake(t, p, 20<<20)
		if p.inUse > segments || p.blocks > transport.ReturnEntries {
			t.Errorf("%d segments, of %d, with %d blocks", p.inUse, segments, p.blocks)
		}
	}
}
