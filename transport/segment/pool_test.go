package segment

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// newReturns is a return ring in plain memory, as a page has one.
func newReturns() transport.Returns {
	return transport.Returns{Tail: new(atomic.Uint64), Entries: make([]atomic.Uint64, transport.ReturnEntries)}
}

// giveBack does what the user of a block does when it is through with it.
func giveBack(r transport.Returns, ref BlockRef) {
	t := r.Tail.Load()
	r.Entries[t%transport.ReturnEntries].Store(transport.PackReturn(ref.Segment, ref.Index, ref.Generation))
	r.Tail.Store(t + 1)
}

// announced is what a user knows of a segment.
type announced struct{ size, class, blocks int }

// heapPool is a pool whose segments are heap memory, so that it runs on every
// system and under the race detector, and the announcements it has made.
func heapPool(cfg PoolConfig) (*Pool, map[uint16]announced) {
	known := map[uint16]announced{}
	announce := cfg.Announce
	cfg.Announce = func(id uint16, f transport.File, size, class, blocks int) error {
		if _, ok := known[id]; ok {
			return fmt.Errorf("segment %d announced twice", id)
		}
		known[id] = announced{size, class, blocks}
		if announce != nil {
			return announce(id, f, size, class, blocks)
		}
		return nil
	}
	if retire := cfg.Retire; retire != nil {
		cfg.Retire = func(id uint16) error {
			if _, ok := known[id]; !ok {
				return fmt.Errorf("segment %d retired and not known", id)
			}
			delete(known, id)
			return retire(id)
		}
	}
	p := NewPool(cfg)
	p.create = func(size int) (*Memory, error) { return Heap(size), nil }
	p.spawn = func(f func()) { // at once: known is for one goroutine at a time
		p.mu.Unlock()
		defer p.mu.Lock()
		f()
	}
	if cfg.Form == FormAuto {
		p.ample = func() bool { return true }
	}
	return p, known
}

// eachPolicy runs a test for both policies: they keep the same contract.
func eachPolicy(t *testing.T, f func(t *testing.T, policy Policy)) {
	for _, p := range []Policy{PolicyPool, PolicyArena} {
		t.Run(p.String(), func(t *testing.T) { f(t, p) })
	}
}

func mustTake(t testing.TB, p *Pool, n int) Block {
	t.Helper()
	b, err := p.Take(n)
	if err != nil {
		t.Fatalf("Take(%d): %v", n, err)
	}
	return b
}

func TestClasses(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxBytes: 40 << 20})
	for _, c := range []struct{ n, class, blocks int }{
		{0, 4 << 10, 64}, {1, 4 << 10, 64}, {4096, 4 << 10, 64}, {4097, 8 << 10, 64},
		{64 << 10, 64 << 10, 16}, {64<<10 + 1, 128 << 10, 16}, {1 << 20, 1 << 20, 4}, {1<<20 + 1, 2 << 20, 4},
		{15 << 20, 16 << 20, 1},
	} {
		b := mustTake(t, p, c.n)
		a := known[b.Ref.Segment]
		if a.class != c.class || a.blocks != c.blocks || cap(b.Mem) != c.class || len(b.Mem) != c.n || b.Ref.Length != uint64(c.n) {
			t.Errorf("Take(%d): len %d cap %d in %+v, want class %d, %d blocks", c.n, len(b.Mem), cap(b.Mem), a, c.class, c.blocks)
		}
		p.Put(b)
	}
	if s := p.Stats(); s.Bytes > 40<<20 || s.Taken != 0 || s.Lent != 0 || s.Free != s.Blocks {
		t.Errorf("stats %+v", s)
	}
	_, err := p.Take(40<<20 + 1)
	if e := (*transport.SizeError)(nil); !errors.As(err, &e) || e.Limit != 40<<20 {
		t.Errorf("Take over MaxBytes: %v", err)
	}
}

// TestLargestClass: a pool lends a block of all its bytes, whatever their
// number.
func TestLargestClass(t *testing.T) {
	for _, size := range []int64{4096, 8192, 12288, 5 << 20, 64 << 20} {
		p, _ := heapPool(PoolConfig{MaxBytes: size})
		if b := mustTake(t, p, int(size)); len(b.Mem) != int(size) {
			t.Errorf("pool of %d bytes lent %d", size, len(b.Mem))
		}
		if _, err := p.Take(1); !errors.Is(err, ErrDry) {
			t.Errorf("pool of %d bytes, all lent: %v", size, err)
		}
	}
}

// TestWarmest: the block freed last is the one lent next.
func TestWarmest(t *testing.T) {
	p, _ := heapPool(PoolConfig{})
	a, b := mustTake(t, p, 100), mustTake(t, p, 100)
	p.Put(a)
	p.Put(b)
	if got := mustTake(t, p, 100); got.Ref.Index != b.Ref.Index || got.Ref.Generation == b.Ref.Generation {
		t.Errorf("got %+v after freeing %+v", got.Ref, b.Ref)
	}
}

// TestLateReturns: returns that are doubled, late, early or invented free
// nothing, are counted, and leave the pool as it was.
func TestLateReturns(t *testing.T) { eachPolicy(t, testLateReturns) }

func testLateReturns(t *testing.T, policy Policy) {
	p, known := heapPool(PoolConfig{Policy: policy})
	r := newReturns()
	p.Switch(r, 0)
	a := mustTake(t, p, 100)
	p.Lent(a, 1)
	giveBack(r, a.Ref)
	giveBack(r, a.Ref) // twice
	if n := p.Collect(); n != 1 {
		t.Fatalf("collected %d", n)
	}
	b := mustTake(t, p, 100) // the same block, lent again
	if b.Ref.Index != a.Ref.Index {
		t.Fatalf("took %+v", b.Ref)
	}
	giveBack(r, b.Ref) // early: not lent yet
	p.Collect()
	p.Lent(b, 2)
	giveBack(r, a.Ref) // late
	giveBack(r, BlockRef{Segment: 7})
	giveBack(r, BlockRef{Segment: b.Ref.Segment, Index: 1000, Generation: b.Ref.Generation})
	giveBack(r, BlockRef{Segment: b.Ref.Segment, Index: 3})
	giveBack(r, BlockRef{Segment: b.Ref.Segment, Index: uint16(known[b.Ref.Segment].blocks), Generation: b.Ref.Generation})
	if n := p.Collect(); n != 0 {
		t.Fatalf("collected %d", n)
	}
	s := p.Stats()
	if s.Refused != 7 || s.Lent != 1 || s.Taken != 0 || s.Free != s.Blocks-1 {
		t.Errorf("stats %+v", s)
	}
	if e := (*transport.CorruptError)(nil); !errors.As(p.Refused(), &e) {
		t.Errorf("Refused: %v", p.Refused())
	}
	giveBack(r, b.Ref)
	if n := p.Collect(); n != 1 {
		t.Errorf("the real return freed %d", n)
	}
}

// TestImpossibleTail: a tail that is further ahead than the ring is long stops
// the reading of this ring, and the next page starts anew.
func TestImpossibleTail(t *testing.T) { eachPolicy(t, testImpossibleTail) }

func testImpossibleTail(t *testing.T, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	r := newReturns()
	p.Switch(r, 0)
	b := mustTake(t, p, 1)
	p.Lent(b, 5)
	r.Entries[0].Store(transport.PackReturn(b.Ref.Segment, b.Ref.Index, b.Ref.Generation))
	for _, tail := range []uint64{transport.ReturnEntries + 1, 1 << 60, 1} { // once is enough: it is not read again
		r.Tail.Store(tail)
		if n := p.Collect(); n != 0 {
			t.Fatal(n)
		}
	}
	if s := p.Stats(); s.Refused != 1 || s.Lent != 1 {
		t.Errorf("stats %+v", s)
	}
	r2 := newReturns()
	giveBack(r2, b.Ref) // the successor was faster than Switch
	if n := p.Switch(r2, 5); n != 0 {
		t.Errorf("Switch freed %d blocks of its start", n)
	}
	if n := p.Collect(); n != 1 {
		t.Errorf("collected %d from the new ring", n)
	}
}

// TestSwitch: what was lent before start is free, the rest stays lent, and the
// old ring is dead.
func TestSwitch(t *testing.T) { eachPolicy(t, testSwitch) }

func testSwitch(t *testing.T, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	old := newReturns()
	p.Switch(old, 0)
	var bs []Block
	for seq := range uint64(10) {
		b := mustTake(t, p, 10)
		p.Lent(b, seq*2)
		bs = append(bs, b)
	}
	held := mustTake(t, p, 10)
	r := newReturns()
	if n := p.Switch(r, 9); n != 5 {
		t.Errorf("freed %d, want 5 of sequences 0 to 8", n)
	}
	for _, b := range bs {
		giveBack(old, b.Ref)
	}
	if n := p.Collect(); n != 0 {
		t.Errorf("collected %d from the ring of a dead page", n)
	}
	for _, b := range bs[5:] {
		giveBack(r, b.Ref)
	}
	if n := p.Collect(); n != 5 {
		t.Errorf("collected %d", n)
	}
	p.Put(held)
	if s := p.Stats(); s.Free != s.Blocks || s.Refused != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestUsedRing: a pool that takes over a ring with a history does not read
// what was meant for its predecessor.
func TestUsedRing(t *testing.T) { eachPolicy(t, testUsedRing) }

func testUsedRing(t *testing.T, policy Policy) {
	r := newReturns()
	for range 5000 {
		giveBack(r, BlockRef{})
	}
	p, _ := heapPool(PoolConfig{Policy: policy, Generation: 1 << 20})
	p.Switch(r, 0)
	b := mustTake(t, p, 1)
	p.Lent(b, 0)
	giveBack(r, b.Ref)
	if n := p.Collect(); n != 1 || p.Stats().Refused != 0 {
		t.Errorf("collected %d, stats %+v", n, p.Stats())
	}
}

// TestLargerClass: when a class can get no more, a larger block does.
func TestLargerClass(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20})
	big := mustTake(t, p, 512<<10) // both blocks of this class are all there is
	p.Put(big)
	a, b := mustTake(t, p, 10), mustTake(t, p, 10)
	if cap(a.Mem) != 512<<10 || cap(b.Mem) != 512<<10 || len(a.Mem) != 10 {
		t.Errorf("caps %d and %d", cap(a.Mem), cap(b.Mem))
	}
	if _, err := p.Take(10); !errors.Is(err, ErrDry) {
		t.Errorf("third: %v", err)
	}
	p.Put(a)
	p.Put(b)
	if s := p.Stats(); s.Dry != 1 || s.Free != 2 {
		t.Errorf("stats %+v", s)
	}
}

// TestRetire: idle segments of small blocks make room for a large one, but not
// while a block of them is out; without Retire the error says it for good.
func TestRetire(t *testing.T) {
	fill := func(p *Pool) (bs []Block) {
		for {
			b, err := p.Take(64 << 10)
			if err != nil {
				return bs
			}
			bs = append(bs, b)
		}
	}
	retired := 0
	p, known := heapPool(PoolConfig{MaxBytes: 4 << 20, Retire: func(uint16) error { retired++; return nil }})
	bs := fill(p)
	if len(bs) != 64 {
		t.Fatalf("%d blocks of 64 KiB in 4 MiB", len(bs))
	}
	for _, b := range bs[1:] {
		p.Put(b)
	}
	if _, err := p.Take(4 << 20); !errors.Is(err, ErrDry) {
		t.Errorf("while a small block is out: %v", err)
	}
	if retired != 0 {
		t.Errorf("retired %d segments for nothing", retired)
	}
	p.Put(bs[0])
	if b := mustTake(t, p, 4<<20); len(b.Mem) != 4<<20 || len(known) != 1 || retired != 4 {
		t.Errorf("got %d bytes, %d segments known, %d retired", len(b.Mem), len(known), retired)
	}
	if s := p.Stats(); s.Segments != 1 || s.Bytes != 4<<20 || s.Blocks != 1 {
		t.Errorf("stats %+v", s)
	}

	p, _ = heapPool(PoolConfig{MaxBytes: 4 << 20})
	for _, b := range fill(p) {
		p.Put(b)
	}
	_, err := p.Take(4 << 20)
	if e := (*transport.LimitError)(nil); !errors.As(err, &e) || e.Value != 4<<20 || errors.Is(err, ErrDry) {
		t.Errorf("without Retire: %v", err)
	}
}

// TestFailures: a failing Announce, Retire or machine leaves the books even.
func TestFailures(t *testing.T) {
	boom := errors.New("boom")
	fail := true
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, Announce: func(uint16, transport.File, int, int, int) error {
		if fail {
			return boom
		}
		return nil
	}, Retire: func(uint16) error { return boom }})
	for range 3 {
		if _, err := p.Take(10); !errors.Is(err, boom) {
			t.Fatal(err)
		}
	}
	if s := p.Stats(); s != (PoolStats{}) {
		t.Errorf("after failed announcements: %+v", s)
	}
	fail = false
	b := mustTake(t, p, 10)
	if b.Ref.Segment != 3 {
		t.Errorf("segment %d: an id that the user may have heard of was used again", b.Ref.Segment)
	}
	p.Put(b)
	if _, err := p.Take(1 << 20); !errors.Is(err, boom) {
		t.Errorf("failing Retire: %v", err)
	}
	create := p.create
	p.create = func(int) (*Memory, error) { return nil, boom }
	if _, err := p.Take(10); !errors.Is(err, boom) {
		t.Errorf("failing machine: %v", err)
	}
	p.create = create
	if s := p.Stats(); s != (PoolStats{}) {
		t.Errorf("stats %+v", s)
	}
	mustTake(t, p, 1<<20)
}

// TestMisuse: a caller's mistake panics and says what it was.
func TestMisuse(t *testing.T) { eachPolicy(t, testMisuse) }

func testMisuse(t *testing.T, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	b := mustTake(t, p, 1)
	mustPanic := func(what string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s did not panic", what)
			}
		}()
		f()
	}
	p.Put(b)
	mustPanic("double Put", func() { p.Put(b) })
	mustPanic("Lent after Put", func() { p.Lent(b, 1) })
	mustPanic("zero Block", func() { p.Put(Block{}) })
	b = mustTake(t, p, 1)
	p.Lent(b, 1)
	mustPanic("double Lent", func() { p.Lent(b, 2) })
	p.Put(b) // its entry was never committed
	c := mustTake(t, p, 1)
	if c.Ref.Segment != b.Ref.Segment || c.Ref.Index != b.Ref.Index {
		t.Fatalf("%+v after %+v: not the same block again", c.Ref, b.Ref)
	}
	mustPanic("Put of the lending before", func() { p.Put(b) })
	mustPanic("Lent of the lending before", func() { p.Lent(b, 3) })
	p.Put(c)
	if s := p.Stats(); s.Free != s.Blocks || s.Lent != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestGrowDoesNotBlock: while Announce waits for a slow peer, blocks of other
// segments can be taken, lent, put and collected.
func TestGrowDoesNotBlock(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	p, _ := heapPool(PoolConfig{Announce: func(id uint16, f transport.File, size, class, blocks int) error {
		if class > 4096 {
			entered <- true
			<-leave
		}
		return nil
	}})
	r := newReturns()
	p.Switch(r, 0)
	a, b := mustTake(t, p, 1), mustTake(t, p, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := p.Take(1 << 20); err != nil {
			t.Error(err)
		}
	})
	<-entered
	p.Lent(a, 1)
	p.Put(b)
	giveBack(r, a.Ref)
	if p.Collect() != 1 {
		t.Error("nothing collected")
	}
	p.Put(mustTake(t, p, 1))
	close(leave)
	wg.Wait()
}

func TestPoolConfigBounds(t *testing.T) {
	p := NewPool(PoolConfig{MaxBytes: 1, MinClass: 5000, MaxSegments: 1000})
	if p.cfg.MaxBytes != 4096 || p.cfg.MinClass != 4096 || p.cfg.MaxSegments != MaxViewSegments {
		t.Errorf("%+v", p.cfg)
	}
}

func TestNoAllocations(t *testing.T) { eachPolicy(t, testNoAllocations) }

func testNoAllocations(t *testing.T, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	r := newReturns()
	p.Switch(r, 0)
	p.Put(mustTake(t, p, 100))
	if n := testing.AllocsPerRun(1000, func() {
		b, _ := p.Take(100)
		p.Lent(b, 1)
		giveBack(r, b.Ref)
		p.Collect()
		b, _ = p.Take(100)
		p.Put(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTakePut(b *testing.B) {
	p, _ := heapPool(PoolConfig{})
	p.Put(mustTake(b, p, 1000))
	b.ReportAllocs()
	for b.Loop() {
		k, _ := p.Take(1000)
		p.Put(k)
	}
}

func BenchmarkTakeLentCollect(b *testing.B) {
	p, _ := heapPool(PoolConfig{})
	r := newReturns()
	p.Switch(r, 0)
	p.Put(mustTake(b, p, 1000))
	b.ReportAllocs()
	seq := uint64(0)
	for b.Loop() {
		k, _ := p.Take(1000)
		p.Lent(k, seq)
		seq++
		giveBack(r, k.Ref)
		p.Collect()
	}
}
