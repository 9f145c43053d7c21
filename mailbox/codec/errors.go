package codec

import (
	"errors"
	"fmt"
)

// ErrSizeUnknown says that the size of a value is known only after encoding, since its
// type contains a marshaler of the program. See Type.Custom.
var ErrSizeUnknown = errors.New("codec: the size is known only after encoding: append to scratch memory first")

// UnsupportedError says that values of a type cannot cross a process boundary, and
// because of which field. Several of them are joined with errors.Join.
type UnsupportedError struct {
	Type   string // name of the message's type
	Path   string // path of the field in it, like Inner.Items[].Callback; empty for the type itself
	Reason string // what is wrong, and what to do instead
}

func (e *UnsupportedError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("codec: %s: %s", e.Type, e.Reason)
	}
	return fmt.Sprintf("codec: %s.%s: %s", e.Type, e.Path, e.Reason)
}

// MismatchError says that a message has the expected name but another structure: the
// two sides were built from different sources.
type MismatchError struct {
	Type *Type // here
	Got  ID    // there
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("codec: %s has structure %08x there and %08x here (%s): the two programs were built from different sources; build both from the same",
		e.Type.Name(), e.Got.Structure(), e.Type.ID().Structure(), e.Type.Describe())
}

// CorruptError says that bytes are not the encoding of a value of a type: the sender
// broke the format, or changed the bytes while they were read.
type CorruptError struct {
	Type string // name of the type that was expected
	At   int    // offset in the encoding, in bytes
	What string // what is wrong
	Got  uint64 // the number found
	Max  uint64 // the largest valid number
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("codec: bytes are not a %s: at offset %d %s is %d, limit %d", e.Type, e.At, e.What, e.Got, e.Max)
}

// LimitError says that a value exceeds a bound of the format.
type LimitError struct {
	Type  string // name of the type
	What  string // what there is too much of
	Limit int    // the bound: MaxDepth, MaxBytes, MaxEmpty or MaxLent
	Hint  string // what to do instead
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("codec: %s: %s, limit %d: %s", e.Type, e.What, e.Limit, e.Hint)
}

// MarshalError wraps the error of a marshaler of the program.
type MarshalError struct {
	Type string // name of the message's type
	Of   string // name of the type whose marshaler failed
	Op   string // the method that failed
	Err  error
}

func (e *MarshalError) Error() string {
	return fmt.Sprintf("codec: %s: %s of %s: %v", e.Type, e.Op, e.Of, e.Err)
}

// Unwrap returns the marshaler's error.
func (e *MarshalError) Unwrap() error { return e.Err }
