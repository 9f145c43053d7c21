package shared

import (
	"errors"
	"fmt"
)

var (
	// ErrOwnerDied says that the mutex was taken from an owner that died. It is
	// held now, and the data that it protects may be half changed: repair the
	// data, and call MarkConsistent before Unlock. An *OwnerDiedError wraps it.
	ErrOwnerDied = errors.New("shared: the owner of the mutex died holding it")

	// ErrNotRecoverable says that an owner died and its successor unlocked
	// without MarkConsistent. The mutex is not held, and cannot be taken again.
	ErrNotRecoverable = errors.New("shared: the mutex is not recoverable: the data was given up after its owner's death")

	// ErrNotOwner says that a party gave back what it does not hold.
	ErrNotOwner = errors.New("shared: not held by this process")

	// ErrAlreadySet says that an event already has its value.
	ErrAlreadySet = errors.New("shared: the event is already set")

	// ErrForeign says that a descriptor is not a memory of this package, or
	// that a word is not inside the given memory. The error that wraps it says
	// why.
	ErrForeign = errors.New("shared: not a shared memory of this version")
)

// OwnerDiedError is ErrOwnerDied with what is known of the owner.
type OwnerDiedError struct {
	Party uint32 // its number in this memory
	PID   int    // its process, in its own PID namespace; 0 if the record was overwritten
}

func (e *OwnerDiedError) Error() string {
	return fmt.Sprintf("%v: party %d, pid %d: repair the data and call MarkConsistent", ErrOwnerDied, e.Party, e.PID)
}

// Unwrap returns ErrOwnerDied.
func (e *OwnerDiedError) Unwrap() error { return ErrOwnerDied }

// LayoutError says that a type cannot be, or is not, what lies at an offset of the
// memory.
type LayoutError struct {
	Type   string // the Go type in this process
	Offset int    // bytes from the beginning of Memory.Bytes
	Why    string // with the path of the field, if it is about one
}

func (e *LayoutError) Error() string {
	return fmt.Sprintf("shared: %s at %d: %s", e.Type, e.Offset, e.Why)
}

// LimitError says that a number is out of its bounds.
type LimitError struct {
	What  string // what was asked for
	Got   uint64
	Limit uint64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("shared: %s: %d is over the limit of %d", e.What, e.Got, e.Limit)
}
