package transport

import (
	"errors"
	"fmt"
	"time"
)

// Sender is the producing end of a queue. One goroutine at a time may use it
// (the lane's lock sees to that); it never blocks.
type Sender interface {
	// Reserve lends n bytes for the next entry. The memory belongs to the
	// caller until Commit or the next Reserve, which drops a reserved entry
	// that was not committed. It fails with ErrFull when there is no room now,
	// and with a *SizeError when n can never fit.
	Reserve(n int) ([]byte, error)

	// Commit publishes the reserved entry: when it returns nil, the entry is
	// visible to the receiver, in the order of the commits. ErrFull leaves
	// the entry reserved, and Commit may be called again.
	Commit() error

	// Next returns the sequence that the next committed entry will have.
	Next() uint64

	// MaxEntry returns the size in bytes of the largest entry.
	MaxEntry() int

	// Close frees what this process holds of the queue. Committed entries
	// stay for the receiver.
	Close() error
}

// Entry is one entry of a queue, lent to the receiver.
type Entry struct {
	Seq   uint64 // its position in the queue; each entry's is greater than the one before
	End   uint64 // the position of the entry after it
	Bytes []byte // read-only, valid until the Done that ends the entry
}

// Receiver is the consuming end of a queue. One goroutine at a time may use
// it; it never blocks.
type Receiver interface {
	// Next lends the oldest entry that has not been lent yet, without
	// freeing its room. It fails with ErrEmpty when there is none, and with
	// a *CorruptError when the peer broke the rules: the queue is then dead.
	Next() (Entry, error)

	// Done marks the entry lent last as dealt with. Its bytes may be
	// overwritten after the next Release.
	Done()

	// Release gives the room of all entries that are done back to the
	// sender. Called once for many entries, it costs one store.
	Release()

	// Close frees what this process holds of the queue.
	Close() error
}

// Bell is a word that a peer changes whenever there is something to see, and
// what this process needs to sleep on that word.
type Bell struct {
	Word Word   // in the peer's page, mapped read-only here
	Seen uint32 // the last value that was dealt with
	FD   int    // an eventfd that the peer writes to wake this process; -1 when the form needs none
}

// Notifier puts this process to sleep until a bell changes, and wakes peers
// that sleep. One goroutine at a time may call Wait.
type Notifier interface {
	// Wait returns when a bell's word differs from Seen, when a peer has
	// woken this process, when Interrupt was called since the last Wait
	// returned, or when the timeout has passed (0: none). It may also return
	// for no reason. No change is lost: one that happens while Wait is being
	// entered makes it return.
	Wait(bells []Bell, timeout time.Duration) error

	// Interrupt makes the current Wait return, or the next one if there is
	// none. It may be called by any goroutine.
	Interrupt()

	// Wake wakes the process that sleeps on word, a word of a page that this
	// process writes. fd is the peer's eventfd, or -1. It costs a system
	// call: callers look at the peer's armed bit first.
	Wake(word Word, fd int) error

	// NewFD returns a descriptor with which one peer wakes this process, or
	// nil when this form needs none. The caller owns it and keeps it open as
	// long as that peer may wake this process: closing it ends the listening.
	NewFD() (File, error)

	// Close ends the notifier. No Wait may be running.
	Close() error
}

// Segment is memory that several processes share.
type Segment interface {
	// Bytes returns the mapped memory, which is read-only in all processes
	// but its creator. It is valid until Close.
	Bytes() []byte
	// File returns the descriptor by which another process maps the memory.
	// The segment owns it.
	File() File
	// Close unmaps the memory and closes the descriptor.
	Close() error
}

// Link is a connection between a process and its supervisor that carries
// frames and descriptors. Send and Close may be called by any goroutine.
type Link interface {
	// Send sends one frame with the given descriptors, which stay the
	// caller's. It blocks while the peer does not read.
	Send(frame []byte, files []File) error

	// Receive reads the next frame into buf and returns its length and the
	// descriptors that came with it. They are close-on-exec, and the caller
	// owns them. It blocks; io.EOF means that the peer has hung up. A frame
	// or descriptor that was cut off is an error, and nothing of it is kept.
	Receive(buf []byte) (n int, files []File, err error)

	// Listen calls read whenever Receive would not block, also at the end of
	// the link, one call at a time, until read returns false. No goroutine
	// waits between two calls, as a process may have very many links. Listen
	// is called once, and from then on only read may call Receive.
	Listen(read func() bool) error

	// Close ends the link; a blocked call returns.
	Close() error
}

// File is a descriptor that can be passed on: an *os.File.
type File interface {
	Fd() uintptr
	Close() error
}

// The states of a queue. They are no failures: the caller's policy decides what
// happens next.
var (
	ErrFull   = errors.New("transport: queue is full")
	ErrEmpty  = errors.New("transport: queue is empty")
	ErrClosed = errors.New("transport: closed")
)

// SizeError says that something can never fit, what the limit is, and what to
// do about it.
type SizeError struct {
	What   string // "entry", "block", "frame"
	Size   int    // bytes
	Limit  int    // bytes
	Remedy string
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("transport: %s of %d bytes is over the limit of %d bytes; %s", e.What, e.Size, e.Limit, e.Remedy)
}

// CorruptError says that a peer wrote something that the rules forbid. The
// lane is closed and the error counted; other lanes go on.
type CorruptError struct {
	What  string // the word or field
	Value uint64 // what was read
	Limit uint64 // what it was checked against
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("transport: peer wrote %s = %d where at most %d is possible", e.What, e.Value, e.Limit)
}

// LimitError says which limit of the machine refused something.
type LimitError struct {
	Op     string // what was tried
	Limit  string // its name, such as "RLIMIT_MSGQUEUE"
	Value  uint64 // its value, in the unit that the name implies
	Remedy string // what to raise, or which form to use instead
	Err    error  // the system's error
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("transport: %s: %v (%s is %d; %s)", e.Op, e.Err, e.Limit, e.Value, e.Remedy)
}

// Unwrap returns the system's error.
func (e *LimitError) Unwrap() error { return e.Err }
