package segment

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// TestUnannouncedIsUnmapped: a segment that the user was not told of, and one
// whose pool was closed meanwhile, is unmapped at once.
func TestUnannouncedIsUnmapped(t *testing.T) {
	for _, n := range []int{100, 2 << 20} { // a block of the pool, and a segment of its own
		for what, announce := range map[string]func(*Pool) error{
			"refused": func(*Pool) error { return errors.New("as asked") },
			"closed":  (*Pool).Close,
		} {
			var p *Pool
			p, _ = heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil },
				Announce: func(uint16, transport.File, int, int, int) error { return announce(p) }})
			unmapped := countUnmapped(p)
			if _, err := p.Take(n); err == nil || (what == "closed") != errors.Is(err, transport.ErrClosed) {
				t.Errorf("%d bytes, %s: %v", n, what, err)
			}
			if *unmapped != 1 {
				t.Errorf("%d bytes, %s: %d segments were unmapped", n, what, *unmapped)
			}
		}
	}
}

// TestRetiredIsUnmapped: what is taken back from the user is unmapped here too.
func TestRetiredIsUnmapped(t *testing.T) {
	p, _ := heapPool(PoolConfig{MaxBytes: 1 << 20, MaxWhole: 4 << 20, Retire: func(uint16) error { return nil }})
	defer p.Close()
	unmapped := countUnmapped(p)
	p.Put(mustTake(t, p, 4<<10))
	p.Put(mustTake(t, p, 1<<20)) // in the place of the small ones
	if *unmapped != 1 {
		t.Errorf("%d segments were unmapped to make room", *unmapped)
	}
	p.Put(mustTake(t, p, 2<<20))
	if none, err := p.Trim(); !none || err != nil || *unmapped != 2 {
		t.Errorf("%v, %v: %d segments were unmapped", none, err, *unmapped)
	}
}

// TestRefusedViewHoldsNothing: a view that is refused keeps no memory.
func TestRefusedViewHoldsNothing(t *testing.T) {
	var v Views
	unmapped := 0
	addHeap(&v, 3, newMemory("test", make([]byte, PolicyPool.extent(4096, 2)), nil, func([]byte) error { unmapped++; return nil }), 4096, 2)
	ref := BlockRef{Segment: 3, Index: 1, Generation: 9, Length: 10}
	if _, err := v.View(ref); err != nil {
		t.Fatal(err)
	}
	if _, err := v.View(ref); err == nil {
		t.Error("in view twice")
	}
	if e := (*transport.CorruptError)(nil); !errors.As(v.Drop(3), &e) || unmapped != 0 {
		t.Error("taken back while a block is in view")
	}
	v.Close()
	if v.Forget(ref); unmapped != 1 {
		t.Errorf("unmapped %d times when the last view had ended", unmapped)
	}
}

// TestRetiredInView: an owner that takes back a segment and sends a block of it at the
// same time harms nobody: either the view is refused, or the segment stays until that
// has ended.
func TestRetiredInView(t *testing.T) {
	const blocks = 1024 // looked through one by one
	ref := BlockRef{Segment: 3, Index: 0, Generation: 9, Length: 1}
	mem := make([]byte, PolicyPool.extent(4096, blocks))
	for range testutil.Rounds(2000, 200000) {
		var v Views
		var unmapped atomic.Int32
		addHeap(&v, 3, newMemory("test", mem, nil, func([]byte) error { unmapped.Add(1); return nil }), 4096, blocks)
		var wg sync.WaitGroup
		var start atomic.Bool
		wg.Go(func() {
			for !start.Load() {
			}
			if _, err := v.View(ref); err == nil {
				if n := unmapped.Load(); n != 0 {
					t.Errorf("unmapped %d times in view", n)
				}
				v.Release(newReturns(), ref)
			}
		})
		start.Store(true)
		_ = v.Drop(3)
		wg.Wait()
		if err := v.Drop(3); err != nil && err != ErrUnknownSegment {
			t.Error(err)
		}
		if n := unmapped.Load(); n != 1 {
			t.Fatalf("unmapped %d times", n)
		}
	}
}
