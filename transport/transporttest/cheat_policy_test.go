package transporttest_test

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/transporttest"
)

// policyCheats are owners of blocks that break one rule each, and the case of
// the suite that must see it.
var policyCheats = []struct {
	name, seen string // seen "": an honest one
	bend       func(transporttest.Blocks) transporttest.Blocks
}{
	{"honest blocks", "", func(b transporttest.Blocks) transporttest.Blocks { return b }},
	{"hands out a block twice", "no_overlap", func(b transporttest.Blocks) transporttest.Blocks { return &overlapping{Blocks: b} }},
	{"hands out a shorter block", "no_overlap", func(b transporttest.Blocks) transporttest.Blocks { return short{b} }},
	{"loses a block", "nothing_lost", func(b transporttest.Blocks) transporttest.Blocks { return &losing{Blocks: b} }},
	{"takes nothing back", "other_process", func(b transporttest.Blocks) transporttest.Blocks { return keeping{b} }},
	{"sends other bytes", "other_process", func(b transporttest.Blocks) transporttest.Blocks { return spoiling{b} }},
}

// overlapping hands out the memory of an earlier block again.
type overlapping struct {
	transporttest.Blocks
	n     int
	first segment.Block
}

func (o *overlapping) Take(n int) (segment.Block, error) {
	b, err := o.Blocks.Take(n)
	if o.n++; o.n == 1 {
		o.first = b
	} else if o.n == 7 && err == nil && n <= cap(o.first.Mem) {
		b.Mem = o.first.Mem[:n]
	}
	return b, err
}

// short hands out large blocks that lack a byte.
type short struct{ transporttest.Blocks }

func (s short) Take(n int) (segment.Block, error) {
	b, err := s.Blocks.Take(n)
	if err == nil && n > 8000 {
		b.Mem = b.Mem[:n-1]
	}
	return b, err
}

// losing forgets every fifth block that is put back.
type losing struct {
	transporttest.Blocks
	n    int
	lost []segment.Block
}

func (l *losing) Put(b segment.Block) {
	if l.n++; l.n%5 != 0 {
		l.Blocks.Put(b)
	} else {
		l.lost = append(l.lost, b)
	}
}

func (l *losing) Close() error {
	for _, b := range l.lost {
		l.Blocks.Put(b)
	}
	return l.Blocks.Close()
}

// keeping never looks at what comes back.
type keeping struct{ transporttest.Blocks }

func (keeping) Switch(transport.Returns, uint64) int { return 0 }

// spoiling changes what it lends.
type spoiling struct{ transporttest.Blocks }

func (s spoiling) Lent(b segment.Block, seq uint64) {
	b.Mem[len(b.Mem)/2]++
	s.Blocks.Lent(b, seq)
}

// TestPolicies runs both policies.
func TestPolicies(t *testing.T) {
	for _, p := range []segment.Policy{segment.PolicyPool, segment.PolicyArena} {
		t.Run(p.String(), func(t *testing.T) {
			transporttest.Policy(t, p, func(cfg segment.PoolConfig) transporttest.Blocks { return segment.NewPool(cfg) })
		})
	}
}

// TestPolicyCheat runs the suite over a cheater, in a process of its own.
func TestPolicyCheat(t *testing.T) {
	for _, c := range policyCheats {
		if os.Getenv(cheatVar) == c.name {
			transporttest.Policy(t, segment.PolicyPool, func(cfg segment.PoolConfig) transporttest.Blocks { return c.bend(segment.NewPool(cfg)) })
		}
	}
}

// TestPolicyCheatersFail: the suite sees each cheat, by the case that is about
// it.
func TestPolicyCheatersFail(t *testing.T) {
	for _, c := range policyCheats {
		t.Run(c.name, func(t *testing.T) { seesCheat(t, "TestPolicyCheat", c.name, c.seen, ".") })
	}
}
