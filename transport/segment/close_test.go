package segment

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// TestPoolClose: memory that the owner still writes stays until it has let go.
func TestPoolClose(t *testing.T) { eachPolicy(t, testPoolClose) }

func testPoolClose(t *testing.T, policy Policy) {
	for last, end := range map[string]func(*Pool, Block){
		"lent": func(p *Pool, b Block) { p.Lent(b, 1) },
		"put":  (*Pool).Put,
	} {
		t.Run(last, func(t *testing.T) { testPoolCloseEnds(t, policy, end) })
	}
	// What had been lent before Close was the user's already.
	p, _ := heapPool(PoolConfig{Policy: policy})
	unmapped := countUnmapped(p)
	p.Lent(mustTake(t, p, 1), 1)
	if err := p.Close(); err != nil || *unmapped != 1 {
		t.Errorf("unmapped %d times, %v", *unmapped, err)
	}
	if n := p.Switch(newReturns(), 9); n != 1 {
		t.Errorf("Switch after Close freed %d", n)
	}
}

// countUnmapped counts the segments of p that are unmapped.
func countUnmapped(p *Pool) *int {
	n := new(int)
	p.create = func(size int) (*Memory, error) {
		return newMemory("test", make([]byte, size), nil, func([]byte) error { *n++; return nil }), nil
	}
	return n
}

// testPoolCloseEnds closes a pool of which two blocks are taken: the first is
// put, and end is what becomes of the last.
func testPoolCloseEnds(t *testing.T, policy Policy, end func(*Pool, Block)) {
	p, _ := heapPool(PoolConfig{Policy: policy})
	unmapped := countUnmapped(p)
	a, b := mustTake(t, p, 1), mustTake(t, p, 1)
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Take(1); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Take after Close: %v", err)
	}
	p.Put(a)
	if *unmapped != 0 {
		t.Error("unmapped while a block is taken")
	}
	end(p, b)
	if *unmapped != 1 {
		t.Errorf("unmapped %d times", *unmapped)
	}
}
