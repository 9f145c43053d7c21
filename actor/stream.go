package actor

import (
	"errors"
	"fmt"
)

// A stream is a payload of any size that passes through the blocks of a mailbox
// in rounds: the sender fills the next block while the receiver reads the last.
//
//	StreamWriter                                       actor
//	open: total ── ask ──────────────────────────────► allowed? starts f(StreamReader)
//	block 0 ────── tell, lent ───────────────────────► Read ─► given back: credit
//	block 1 ...                                        ...
//	end ────────── ask ──────────────────────────────► answered when f has returned
//	context ends ─ tell ─────────────────────────────► f gets a *StreamError
//
// It takes no more memory than the mailbox's pool, however long it is. Each
// side watches the other: if one ends in the middle, the other gets a *StreamError.

// StreamPolicy bounds the streams that an actor accepts. A zero field means its
// default.
type StreamPolicy struct {
	MaxBytes int64 // size of one stream; 0 means DefaultStreamBytes
	Streams  int   // streams at a time, from all senders, each until its function has returned; 0 means DefaultStreams. One more is refused with ErrFull

	// Progress, if not nil, is called after each block has been read, by the
	// goroutine that reads. done and total are bytes.
	Progress func(r *StreamReader, done, total int64)
}

// The defaults of StreamPolicy, and the size of a block.
const (
	DefaultStreamBytes = 1 << 30   // bytes of one stream
	DefaultStreams     = 16        // streams at a time
	DefaultStreamBlock = 256 << 10 // bytes of a block, if the pool has room for four: small enough to be still in a core's cache when it is read
)

// StreamError says that a stream has ended before its last byte.
type StreamError struct {
	Done, Total int64 // bytes
	Exit        Exit  // of the other side, if it has ended
	Reason      string
}

func (e *StreamError) Error() string {
	s := fmt.Sprintf("actor: stream ended after %d of %d bytes: %s", e.Done, e.Total, e.Reason)
	if e.Exit.Summary != "" {
		s += ": " + e.Exit.Summary
	}
	return s
}

// errStreamLength is the error of a Write beyond the announced total.
var errStreamLength = errors.New("actor: stream is longer than the total that was announced for it")

// The messages of a stream.
type (
	streamOpen[P any] struct {
		Asks[P, streamOpened]
		Name  string
		Total int64
		Key   uint64 // the sender's number of it, for streamLeave
	}
	streamOpened struct {
		Stream uint64 // 0: refused
		Max    int64  // of the policy that refused it
	}
	streamBlock[P any] struct {
		Tells[P]
		Stream uint64
		Offset int64
		Data   Buffer
	}
	streamEnd[P any] struct {
		Asks[P, streamEnded]
		Stream uint64
		Abort  string // why the sender stops before the total; "" at the total
	}
	streamEnded struct{}

	// streamLeave is told by a sender whose context has ended: it can no longer ask,
	// and may not even know the number of the stream.
	streamLeave[P any] struct {
		Tells[P]
		Key    uint64
		Reason string
	}
)
