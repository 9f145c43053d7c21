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
		if closed := f.p.wanted > 0; f.p.Unwant(c.large) != closed || f.p.Unwant(c.large) {
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
	p.Want(2 << 20)
	mustTake(t, p, 4096)
	p.Unwant(2 << 20)
	p.Unwant(1 << 20)
}
