package segment

import "math/bits"

// A class is a size of blocks. The classes are the powers of two from MinClass up,
// and last MaxBytes itself.

// shelf holds the blocks of one class.
type shelf struct {
	class int64    // bytes of a block
	free  []freeID // in the order in which they were freed; see next
	total int      // blocks, lent ones included
	look  int      // blocks that may be out before Take looks for returned ones
	warm  int      // blocks that circulate as long as they come back in time; see settle

	round // how many blocks circulate

	borrowed int // Takes in a row that got a block of a larger class; see borrow
}

// The blocks that should circulate have warmBytes together, which the processor's
// TLB and caches can hold. Take looks for returned blocks only when a quarter of them
// are out: an owner faster than its user then looks once for several blocks, and what
// it copies still stays in its core's own cache. With fewer than minWarm of either,
// one side would wait for the other.
const (
	warmBytes = 1 << 20
	minWarm   = 4
	maxWarm   = 64
	lookPart  = 4
)

func warmFor(class int64) int { return int(max(minWarm, min(warmBytes/class, maxWarm))) }

func lookFor(class int64) int { return max(minWarm, warmFor(class)/lookPart) }

// freeID names a free block: its segment and index.
type freeID uint32

func makeID(segment, index uint16) freeID { return freeID(segment)<<16 | freeID(index) }

func (f freeID) segment() uint16 { return uint16(f >> 16) }
func (f freeID) index() uint16   { return uint16(f) }

// makeShelves returns the empty shelves of a pool.
func makeShelves(minClass, maxBytes int64) []shelf {
	var s []shelf
	for c := minClass; c < maxBytes; c *= 2 {
		s = append(s, makeShelf(c, maxBytes))
	}
	return append(s, makeShelf(maxBytes, maxBytes))
}

func makeShelf(class, maxBytes int64) shelf {
	return shelf{class: class, look: lookFor(class), warm: warmFor(class), round: roundOf(class, maxBytes)}
}

// shelfFor returns the index of the smallest class for n bytes.
// Preconditions: 0 <= n <= MaxBytes.
func (p *Pool) shelfFor(n int) int {
	if int64(n) <= p.shelves[0].class {
		return 0
	}
	k := bits.Len64(uint64(n-1) >> p.shift)
	return min(k, len(p.shelves)-1)
}

// blocksFor returns how many blocks a new segment of a class gets: many small ones or
// few large ones, so that a segment has 256 KiB to 8 MiB, or two blocks if that is
// more. room and count are what the bounds leave, in bytes and blocks. The result 0
// means that not even one block fits.
func blocksFor(class, room int64, count int) int {
	steps := bits.Len64(uint64(class/pageBytes)) - 1
	n := max(2, 64>>(steps/2))
	return int(min(int64(n), room/class, int64(count)))
}
