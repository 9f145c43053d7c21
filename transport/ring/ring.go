package ring

import "fmt"

const (
	CellBytes   = 16        // unit of room and of alignment
	headerBytes = 4         // u32 length of the entry in bytes
	pad         = 1<<32 - 1 // in the place of a length: the cells from here to the end are empty

	MinBytes = 1 << 10 // smallest ring
	MaxBytes = 1 << 30 // largest ring
)

// Check says whether bytes is a legal size of a ring: a power of two between
// MinBytes and MaxBytes.
func Check(bytes int) error {
	if bytes < MinBytes || bytes > MaxBytes || bytes&(bytes-1) != 0 {
		return fmt.Errorf("ring: %d bytes: the size must be a power of two from %d to %d", bytes, MinBytes, MaxBytes)
	}
	return nil
}

// cellsFor is the number of cells that an entry of n bytes takes.
func cellsFor(n int) uint64 { return uint64(headerBytes+n+CellBytes-1) / CellBytes }

// maxEntry is the largest entry of a ring of the given cells: a quarter of
// it, so that an entry and its padding always fit an empty ring.
func maxEntry(cells uint64) int { return int(cells/4)*CellBytes - headerBytes }

// lapEnd is the sequence at which a ring of n cells begins anew after seq.
func lapEnd(seq, n uint64) uint64 { return (seq | (n - 1)) + 1 }

// usualOf is how many of n cells a sender goes round in while its receiver keeps
// up, a power of two: a quarter, but 256 KiB or all if that is more.
func usualOf(n uint64) uint64 { return min(n, max(n/4, 256<<10/CellBytes)) }
