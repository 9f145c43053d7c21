package segment

import "fmt"

// Policy is how a Pool cuts its memory into blocks. Owner and user must be told
// the same one: the meaning of an announcement depends on it.
type Policy uint8

// The policies. Their numbers are those of the field "mailbox" in PROTOCOL.md.
const (
	PolicyPool  Policy = 0 // segments of blocks of one size class each, made as they are needed
	PolicyArena Policy = 1 // one segment of MaxBytes, made at the first Take, cut by a buddy allocator
)

// maxArenaUnits bounds the units of an arena: a block is named by the index of
// its first unit in 16 bits.
const maxArenaUnits = 1 << 16

var policies = [...]string{PolicyPool: "pool", PolicyArena: "arena"}

func (p Policy) String() string {
	if int(p) < len(policies) {
		return policies[p]
	}
	return fmt.Sprintf("policy %d", uint8(p))
}

// Of returns how the segment of an id is cut for a user who was told p. Shared segments
// are cut by PolicyPool, since their users may have been told different policies.
func (p Policy) Of(id uint16) Policy {
	if id >= SharedIDs {
		return PolicyPool
	}
	return p
}

// ParsePolicy returns the policy of the given name, "pool" or "arena"; "" is "pool".
func ParsePolicy(word string) (Policy, error) {
	switch word {
	case "", "pool":
		return PolicyPool, nil
	case "arena":
		return PolicyArena, nil
	}
	return 0, fmt.Errorf(`segment: policy %q: the policies are "pool" and "arena"`, word)
}

// colour is the number of bytes between two blocks of a pool's segment: two cache
// lines, as processors fetch them in pairs. Users often touch the same places in each
// block, such as a header or the beginning of each page. If all blocks began at the
// beginning of a page, these places would share a few sets of every cache, which have
// room for a dozen blocks' (Bonwick, The Slab Allocator, 1994, section 4).
const colour = 128

// spacing returns the bytes from the beginning of one index to that of the next.
func (p Policy) spacing(class uint64) uint64 {
	if p == PolicyArena {
		return class
	}
	return class + colour
}

// Offset returns where the block of an index begins in a segment announced with class.
func (p Policy) Offset(index uint16, class uint64) uint64 { return uint64(index) * p.spacing(class) }

// extent returns the bytes from the beginning of the first of n blocks to the end of
// the last. Preconditions: n > 0, and the result does not overflow.
func (p Policy) extent(class uint64, n int) uint64 { return uint64(n-1)*p.spacing(class) + class }

// Fit returns how many blocks (of an arena: units) of class bytes a segment of size
// bytes can be cut into. Preconditions: class > 0.
func (p Policy) Fit(size, class uint64) uint64 {
	if size < class {
		return 0
	}
	return (size-class)/p.spacing(class) + 1
}

// Reach returns how many bytes a block may have that begins at index, in a segment
// announced with blocks blocks (of an arena: units) of class bytes; 0 if there is no
// such index. The segment must be large enough for its blocks; see Fit.
func (p Policy) Reach(index uint16, class, blocks uint64) uint64 {
	switch {
	case uint64(index) >= blocks:
		return 0
	case p == PolicyArena:
		return (blocks - uint64(index)) * class
	}
	return class
}
