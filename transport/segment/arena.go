package segment

import (
	"math/bits"

	"github.com/understudy-go/understudy/transport"
)

// arenaUnit is the bytes of the smallest block of an arena of maxBytes: the
// smallest power of two from minClass up with which 16 bits name every unit.
func arenaUnit(minClass, maxBytes int64) int64 {
	for minClass > maxBytes {
		minClass /= 2
	}
	for maxBytes/minClass > MaxArenaUnits {
		minClass *= 2
	}
	return minClass
}

// popArena is pop for an arena. Preconditions: mu is held.
func (p *Pool) popArena(n int) (Block, bool) {
	if p.arena == nil {
		return Block{}, false // its segment has not been made
	}
	unit := p.unit
	need := max(1, int((int64(n)+unit-1)>>bits.TrailingZeros64(uint64(unit))))
	for look := true; ; look = false {
		if p.taken+p.lent < transport.ReturnEntries { // each must have room in the return ring
			if at, units, ok := p.arena.take(need); ok {
				return p.handRun(at, units, n), true
			}
		}
		if !look || p.collect() == 0 {
			return Block{}, false
		}
	}
}

// handRun makes a run of units taken. Preconditions: mu is held.
func (p *Pool) handRun(at, units, n int) Block {
	s, index := p.segments[p.arenaID], uint16(at)
	off := int64(at) * p.unit
	return Block{
		Ref: BlockRef{Segment: p.arenaID, Index: index, Generation: p.record(s, index, n), Length: uint64(n)},
		Mem: s.mem.Bytes()[off : off+int64(n) : off+int64(units)*p.unit],
	}
}

// installArena makes the books of the segment of an arena and takes its first
// block. Preconditions: mu is held; the segment is in segments.
func (p *Pool) installArena(pl *plan, n int) Block {
	p.arena, p.arenaID = newBuddy(pl.blocks), pl.id
	b, _ := p.popArena(n) // all of it is free
	return b
}
