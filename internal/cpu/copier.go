package cpu

import (
	"sync/atomic"
	"time"
)

// Copier copies into memory that somebody on another core has read, and will read again.
// Where that core shares a cache with this one, the lines are best written where they are.
// Where it does not, each line that is there has to be asked for over a long way, and a
// copy past the caches, to memory, takes a tenth of the time. Nobody says which of the two
// it is, so some copies are timed. The zero value is ready for use, by any goroutine. It
// must not be copied.
type Copier struct {
	past  atomic.Int32 // copies that go past the caches, until one is timed again
	slow  atomic.Int32 // timed ones in a row that were slow
	turns atomic.Int32 // copies since the last that was timed
}

const (
	leastPast = 32 << 10  // bytes; a smaller copy is not worth it
	mostPast  = 1 << 20   // bytes, from which on copy goes past the caches anyway
	timedOf   = 16        // copies, of which one is timed
	slowRate  = 4         // bytes a nanosecond, below which a copy is slow
	certain   = 3         // slow ones in a row that are no accident
	firstPast = int32(64) // copies that go past the caches then
	morePast  = 4096      // and at most, after several times
)

// Copy is copy.
func (c *Copier) Copy(dst, src []byte) int {
	n := min(len(dst), len(src))
	if n < leastPast || n >= mostPast {
		return copy(dst, src)
	}
	if c.past.Load() > 0 {
		c.past.Add(-1)
		return copyPast(dst, src)
	}
	if c.slow.Load() == 0 && c.turns.Add(1) < timedOf {
		return copy(dst, src)
	}
	c.turns.Store(0)
	begun := time.Now()
	copy(dst, src)
	c.took(n, time.Since(begun))
	return n
}

// took is told of a copy that was timed.
func (c *Copier) took(n int, d time.Duration) {
	if int64(n) >= slowRate*d.Nanoseconds() {
		c.slow.Store(0)
		return
	}
	if slow := c.slow.Add(1); slow >= certain {
		c.past.Store(min(firstPast<<min(slow-certain, 8), morePast))
	}
}
