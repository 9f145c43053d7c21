package ring

import "fmt"

const (
	CellBytes   = 16        // unit of room and of alignment
	headerBytes = 4         // u32 length of the entry in bytes
	pad         = 1<<32 - 1 // in place of a length: the cells from here to the end are padding

	MinBytes = 1 << 10 // smallest ring
	MaxBytes = 1 << 30 // largest ring
)

// Check returns an error unless bytes is a legal size of a ring: a power of two
// from MinBytes to MaxBytes.
func Check(bytes int) error {
	if bytes < MinBytes || bytes > MaxBytes || bytes&(bytes-1) != 0 {
		return fmt.Errorf("ring: %d bytes: the size must be a power of two from %d to %d", bytes, MinBytes, MaxBytes)
	}
	return nil
}

// cellsFor returns the number of cells that an entry of n bytes takes.
func cellsFor(n int) uint64 { return uint64(headerBytes+n+CellBytes-1) / CellBytes }

// maxEntry returns the size in bytes of the largest entry of a ring of the given
// cells: a quarter of them, so that an entry and its padding always fit an empty ring.
func maxEntry(cells uint64) int { return int(cells/4)*CellBytes - headerBytes }

// lapEnd returns the first sequence after seq at which a ring of n cells starts over.
func lapEnd(seq, n uint64) uint64 { return (seq | (n - 1)) + 1 }

// usualOf returns how many of n cells a sender uses while its receiver keeps up, a
// power of two: a quarter of them, but at least 256 KiB or, if there is less, all.
func usualOf(n uint64) uint64 { return min(n, max(n/4, 256<<10/CellBytes)) }
