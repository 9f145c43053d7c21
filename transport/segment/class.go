package segment

import "math/bits"

// A class is the size of a block: powers of two from the smallest class up,
// and last MaxBytes itself, when the next power of two would be over it.

// shelf is the blocks of one class.
type shelf struct {
	class int64    // bytes of a block
	free  []freeID // the block freed last is taken first: it is in the cache
	total int      // blocks, lent ones included
	warm  int      // blocks that may be out before Take looks for ones that came back
}

// warmBytes is what the blocks in use at a time should have together: so much of
// the 512 KiB or more that a core has for itself is left for what is copied.
const warmBytes = 128 << 10

func warmFor(class int64) int { return int(max(1, min(warmBytes/class, 64))) }

// freeID is a block that nobody has: its segment and index.
type freeID uint32

func makeID(segment, index uint16) freeID { return freeID(segment)<<16 | freeID(index) }

func (f freeID) segment() uint16 { return uint16(f >> 16) }
func (f freeID) index() uint16   { return uint16(f) }

// makeShelves makes the empty shelves of a pool.
func makeShelves(minClass, maxBytes int64) []shelf {
	var s []shelf
	for c := minClass; c < maxBytes; c *= 2 {
		s = append(s, shelf{class: c, warm: warmFor(c)})
	}
	return append(s, shelf{class: maxBytes, warm: warmFor(maxBytes)})
}

// shelfFor is the index of the smallest class for n bytes.
// Preconditions: 0 <= n <= MaxBytes.
func (p *Pool) shelfFor(n int) int {
	if int64(n) <= p.shelves[0].class {
		return 0
	}
	k := bits.Len64(uint64(int64(n)-1) / uint64(p.shelves[0].class))
	return min(k, len(p.shelves)-1)
}

// blocksFor is how many blocks a new segment of a class gets: many small ones
// and few large ones, so that a segment has 256 KiB to 8 MiB until two blocks
// are more than that. room and count are what the bounds leave, in bytes and
// blocks; 0 means that not one block fits.
func blocksFor(class, room int64, count int) int {
	steps := bits.Len64(uint64(class/pageBytes)) - 1
	n := max(2, 64>>(steps/2))
	return int(min(int64(n), room/class, int64(count)))
}
