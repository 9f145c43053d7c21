package segment

import "math/bits"

// buddy is the allocator of an arena: it knows which runs of units are free. A run
// has a power of two of units and begins at a multiple of its length. The two halves
// of a run that was split are buddies; as soon as both are free they are joined. A
// request for more than the longest possible run gets all units, if all are free.
//
// Everything is in the owner's heap. A number of units that is not a power of two
// begins as several runs, the longest first: 6 units are 4 and 2.
type buddy struct {
	runs     []run               // by first unit
	heads    [maxOrder + 1]int32 // the lists of free runs, by order
	nonEmpty uint32              // bit k is set when list k is not empty
	free     int                 // units
}

const maxOrder = 16 // of maxArenaUnits

// run describes the run that begins at a unit.
type run struct {
	next, prev int32 // in the list of free runs of this order; noRun at the ends
	order      uint8 // log2 of the units, or wholeRun
	free       bool  // false: lent, or no run begins here
}

const (
	noRun    = -1
	wholeRun = maxOrder + 1 // the order of a run of all units, while it is lent
)

// newBuddy returns an allocator of 1 to maxArenaUnits units, all free.
func newBuddy(units int) *buddy {
	b := &buddy{runs: make([]run, units)}
	for k := range b.heads {
		b.heads[k] = noRun
	}
	b.seed()
	return b
}

// seed makes all units free, as in a new arena.
func (b *buddy) seed() {
	for at, left := 0, len(b.runs); left > 0; {
		k := bits.Len(uint(left)) - 1
		b.push(int32(at), k)
		at, left = at+1<<k, left-1<<k
	}
	b.free = len(b.runs)
}

// take takes a run of at least n units, 1 <= n <= len(runs), and returns its
// first unit and the number of its units. The run freed last is taken first.
func (b *buddy) take(n int) (at, units int, ok bool) {
	units = runFor(n, len(b.runs))
	k := bits.Len(uint(n - 1))
	if units < 1<<k {
		return b.takeWhole()
	}
	fit := b.nonEmpty >> k
	if fit == 0 {
		return 0, 0, false
	}
	from := k + bits.TrailingZeros32(fit)
	i := b.heads[from]
	b.unlink(i, from)
	for from > k { // split: the upper half stays free
		from--
		b.push(i+1<<from, from)
	}
	b.runs[i].order = uint8(k)
	b.free -= units
	return int(i), units, true
}

// runFor returns the units of the run that a request for n of all units takes, 1 <= n <= all.
func runFor(n, all int) int { return min(1<<bits.Len(uint(n-1)), all) }

// takeWhole takes all units, for a request that no single run can hold.
func (b *buddy) takeWhole() (at, units int, ok bool) {
	if b.free < len(b.runs) {
		return 0, 0, false
	}
	for k := range b.heads {
		for b.heads[k] != noRun {
			b.unlink(b.heads[k], k)
		}
	}
	b.runs[0].order = wholeRun
	b.free = 0
	return 0, len(b.runs), true
}

// give frees the run that begins at unit at, which must be lent, and joins it
// with its buddies.
func (b *buddy) give(at int) {
	i, k := int32(at), int(b.runs[at].order)
	if k == wholeRun {
		b.seed()
		return
	}
	b.free += 1 << k
	for ; k < maxOrder; k++ {
		j := i ^ 1<<k
		if int(j) >= len(b.runs) || !b.runs[j].free || int(b.runs[j].order) != k {
			break
		}
		b.unlink(j, k)
		i = min(i, j)
	}
	b.push(i, k)
}

// largest returns the units of the largest request that would succeed.
func (b *buddy) largest() int {
	if b.free == len(b.runs) {
		return b.free
	}
	return 1 << bits.Len32(b.nonEmpty) >> 1
}

// push puts a run at the head of the list of its order.
func (b *buddy) push(i int32, k int) {
	h := b.heads[k]
	b.runs[i] = run{next: h, prev: noRun, order: uint8(k), free: true}
	if h != noRun {
		b.runs[h].prev = i
	}
	b.heads[k] = i
	b.nonEmpty |= 1 << k
}

// unlink takes a run off the list of its order.
func (b *buddy) unlink(i int32, k int) {
	r := &b.runs[i]
	r.free = false
	if r.prev != noRun {
		b.runs[r.prev].next = r.next
	} else if b.heads[k] = r.next; r.next == noRun {
		b.nonEmpty &^= 1 << k
	}
	if r.next != noRun {
		b.runs[r.next].prev = r.prev
	}
}
