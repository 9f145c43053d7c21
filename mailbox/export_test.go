package mailbox

import (
	"math"

	"github.com/understudy-go/understudy/transport/segment"
)

// Blocks is what the pool of o holds, after a look at what has come back.
func Blocks(o *Outbox) segment.PoolStats {
	o.store.Collect()
	return o.store.Stats()
}

// Copies counts the copies into blocks of o.
func Copies(o *Outbox) *int {
	n, copy := new(int), o.store.copy
	o.store.copy = func(dst, src []byte) int { *n++; return copy(dst, src) }
	return n
}

// SegmentsFor is how many segments a set of so many members may have.
func SegmentsFor(members int) int { return segmentsFor(members) }

// Spend makes all numbers that no segment had yet look used.
func (s *SharedIDs) Spend() { s.next = math.MaxUint16 - segment.SharedIDs }
