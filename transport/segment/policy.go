package segment

import "fmt"

// Policy is how a Pool cuts its memory into blocks. Owner and user must be told
// the same one: it says what an announcement means.
type Policy uint8

// The policies. Their numbers travel in PROTOCOL.md's mailbox.
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

// ParsePolicy is the policy of a word: "pool", also for "", or "arena".
func ParsePolicy(word string) (Policy, error) {
	switch word {
	case "", "pool":
		return PolicyPool, nil
	case "arena":
		return PolicyArena, nil
	}
	return 0, fmt.Errorf(`segment: policy %q: the policies are "pool" and "arena"`, word)
}

// Reach is the number of bytes that a block may have that begins at index
// index of a segment announced with blocks blocks (of an arena: units) of class
// bytes; 0 when there is no such index. class times blocks must be within the
// segment, which Views.Add checks.
func (p Policy) Reach(index uint16, class, blocks uint64) uint64 {
	switch {
	case uint64(index) >= blocks:
		return 0
	case p == PolicyArena:
		return (blocks - uint64(index)) * class
	}
	return class
}
