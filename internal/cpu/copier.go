package cpu

import (
	"sync/atomic"
	"time"
)

// Copier copies into memory that another core has read, and will read again. If that core
// shares a cache with this one, an ordinary copy is best, which writes the cache lines
// where they are. If not, each line that the other core has must be fetched over a long
// way, and a copy that bypasses the caches and goes to memory takes a tenth of the time.
// Nothing tells which of the two is the case, so some copies are timed. The zero value is
// ready to use by any goroutine. A Copier must not be copied.
type Copier struct {
	past  atomic.Int32 // copies that still bypass the caches before one is timed again
	slow  atomic.Int32 // slow timed copies in a row
	turns atomic.Int32 // copies since the last timed one
}

const (
	leastPast = 32 << 10  // bytes; a smaller copy never bypasses the caches
	mostPast  = 1 << 20   // bytes from which on copy itself bypasses the caches
	timedOf   = 16        // one of so many copies is timed
	slowRate  = 4         // bytes a nanosecond; a slower copy is slow
	certain   = 3         // so many slow copies in a row are no accident
	firstPast = int32(64) // copies that bypass the caches then; twice as many after each further slow one
	morePast  = 4096      // at most so many
)

// Copy does what copy does.
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

// took records that a copy of n bytes took d.
func (c *Copier) took(n int, d time.Duration) {
	if int64(n) >= slowRate*d.Nanoseconds() {
		c.slow.Store(0)
		return
	}
	if slow := c.slow.Add(1); slow >= certain {
		c.past.Store(min(firstPast<<min(slow-certain, 8), morePast))
	}
}
