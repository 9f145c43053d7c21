package segment

import (
	"math/bits"

	"github.com/understudy-go/understudy/transport"
)

// arenaUnit returns the bytes of the smallest block of an arena of maxBytes: the
// smallest power of two from minClass up for which 16 bits can number every unit.
func arenaUnit(minClass, maxBytes int64) int64 {
	for minClass > maxBytes {
		minClass /= 2
	}
	for maxBytes/minClass > maxArenaUnits {
		minClass *= 2
	}
	return minClass
}

// popArena is pop for an arena. Preconditions: mu is held.
func (p *Pool) popArena(n int) *Slot {
	if p.arena == nil {
		return nil // its segment has not been made
	}
	unit, need := p.unit, p.unitsFor(n)
	look := true
	if class := int64(need) * unit; p.out >= lookFor(class) {
		p.settle(p.out, warmFor(class), class)
		look = false
	}
	for ; ; look = false {
		if p.out+len(p.shares) < transport.ReturnEntries { // each block needs a place in the return ring
			if at, units, ok := p.arena.take(need); ok {
				return p.hand(p.arenaID, uint16(at), n, int64(units)*unit)
			}
		}
		if !look || p.collect() == 0 {
			return nil
		}
	}
}

// unitsFor returns how many units of the arena n bytes need.
func (p *Pool) unitsFor(n int) int {
	return max(1, int((int64(n)+p.unit-1)>>bits.TrailingZeros64(uint64(p.unit))))
}

// installArena makes the allocator of an arena's segment and takes its first block.
// Preconditions: mu is held; the segment is in segments.
func (p *Pool) installArena(pl *plan, n int) *Slot {
	p.arena, p.arenaID = newBuddy(pl.blocks), pl.id
	return p.popArena(n) // cannot fail: all of it is free
}
