package segment

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/transport"
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
	if !slices.Equal(p.ids, []uint16{7}) {
		t.Errorf("the ids %v are free", p.ids)
	}
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

// TestIDsRunOut: a pool whose ids are used up, which failures can do, makes no segment
// with an id of those that are shared, of no kind.
func TestIDsRunOut(t *testing.T) {
	p, known := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	p.segments = make([]*owned, freshIDs)
	if b := mustTake(t, p, 10); b.Ref.Segment != freshIDs {
		t.Errorf("segment %d, and no id has come back", b.Ref.Segment)
	}
	p.segments = make([]*owned, SharedIDs)
	for _, n := range []int{10 << 10, 2 << 20} {
		if b, err := p.Take(n); !errors.Is(err, ErrDry) {
			t.Errorf("%d bytes of segment %d, %v", n, b.Ref.Segment, err)
		}
	}
	p.ids = []uint16{5}
	whole := mustTake(t, p, 2<<20)
	if whole.Ref.Segment != 5 {
		t.Errorf("segment %d, and 5 can be used again", whole.Ref.Segment)
	}
	p.Put(whole)
	if _, err := p.Trim(); err != nil {
		t.Fatal(err)
	}
	p.segments, p.ids = p.segments[:SharedIDs-1], nil
	if mustTake(t, p, 2<<20); len(known) != 2 {
		t.Errorf("the user knows %v", known)
	}
}

// TestRetiresNoMore: of idle segments as many make way as have to. The blocks of the
// others are there, and the ids of those that are gone can be used again.
func TestRetiresNoMore(t *testing.T) {
	var gone []uint16
	p, _ := heapPool(PoolConfig{MaxBytes: 4 << 20, Retire: func(id uint16) error { gone = append(gone, id); return nil }})
	take := func() (all []Block) {
		for {
			b, err := p.Take(64 << 10)
			if errors.Is(err, ErrDry) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
	}
	for _, b := range take() {
		p.Put(b)
	}
	mustTake(t, p, 1<<20)
	if len(gone) != 1 || !slices.Equal(p.ids, gone) {
		t.Errorf("%v were taken back, and %v are free", gone, p.ids)
	}
	if n := len(take()); n != 48 || len(gone) != 1 {
		t.Errorf("%d blocks of the segments that are left, of 48; %v were taken back", n, gone)
	}
}

// TestLastBlock: a segment of one block is made where the bounds leave no more, and
// none where they leave none.
func TestLastBlock(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 5 << 20})
	for range 5 { // four have one segment
		mustTake(t, p, 1<<20)
	}
	if s := p.Stats(); s.Segments != 2 || s.Bytes != 5<<20 {
		t.Errorf("%+v", s)
	}
	p, _ = heapPool(PoolConfig{MaxBytes: 4 << 20, MaxSegments: 1})
	mustTake(t, p, 4<<10)
	if b, err := p.Take(8 << 10); err == nil || p.Stats().Segments != 1 {
		t.Errorf("a block of %d bytes beyond MaxSegments, %v: %+v", cap(b.Mem), err, p.Stats())
	}
}

// TestFailureOfAnother: a pool that grows says that a segment could not be taken back.
func TestFailureOfAnother(t *testing.T) {
	failed := errors.New("as asked")
	for _, n := range []int{64 << 10, 2 << 20} {
		p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return failed }})
		p.Put(mustTake(t, p, 3<<20))
		if _, err := p.Take(n); !errors.Is(err, failed) {
			t.Errorf("%d bytes: %v", n, err)
		}
		p.Put(mustTake(t, p, n)) // it is gone all the same
		if n > 1<<20 {
			continue
		}
		p.Put(mustTake(t, p, 3<<20))
		if none, err := p.Trim(); !none || !errors.Is(err, failed) {
			t.Errorf("%v, %v", none, err)
		}
	}
}

// TestCloseWhileGrowing: who waits to make a segment learns that the pool was closed.
func TestCloseWhileGrowing(t *testing.T) {
	for _, n := range []int{10, 2 << 20} {
		entered, leave := make(chan bool), make(chan bool)
		p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Announce: func(uint16, transport.File, int, int, int) error {
			entered <- true
			<-leave
			return nil
		}})
		errs := make(chan error, 2)
		take := func() {
			_, err := p.Take(n)
			errs <- err
		}
		go take()
		<-entered
		go take() // waits for the first one, or comes too late
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		close(leave)
		for range 2 {
			if err := <-errs; !errors.Is(err, transport.ErrClosed) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	}
}

// TestOneSegmentAtATime: Announce and Retire are called one at a time, for blocks and for
// payloads over MaxBytes.
func TestOneSegmentAtATime(t *testing.T) {
	var inside atomic.Int32
	alone := func() {
		if inside.Add(1) > 1 {
			t.Error("two calls at a time")
		}
		for range 10 {
			runtime.Gosched()
		}
		inside.Add(-1)
	}
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20,
		Announce: func(uint16, transport.File, int, int, int) error { alone(); return nil },
		Retire:   func(uint16) error { alone(); return nil }})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 50 {
				b, err := p.Take([]int{2 << 20, 3 << 20, 10, 1 << 20}[(g+i)%4])
				if err == nil {
					p.Put(b)
				} else if !errors.Is(err, ErrDry) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
