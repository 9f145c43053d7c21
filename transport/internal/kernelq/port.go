package kernelq

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/understudy-go/understudy/transport"
)

// Port is the kernel's side of one end of a queue. No method blocks. One
// goroutine at a time uses it.
type Port interface {
	// Send puts a message into the queue, whole and after all earlier ones,
	// or fails with transport.ErrFull when there is no room for it now.
	Send(m []byte) error

	// Receive removes the oldest message and copies it straight into b, which
	// is in memory. It fails with transport.ErrEmpty when there is none.
	Receive(b []byte) (int, error)

	// Close closes the descriptors of this end. It may be called again.
	Close() error
}

// Prior is a Port of a queue with priorities. Its Send is of messages that are
// not urgent.
type Prior interface {
	Port

	// SendUrgent is Send of a message that is received before all that are
	// not urgent, and after all earlier urgent ones.
	SendUrgent(m []byte) error

	// Spare says whether a message of n bytes that is not urgent leaves the
	// room that is kept for urgent ones. When it says yes, that holds until
	// the only sender's next Send.
	Spare(n int) bool
}

// Roomy is a Port that knows whether a message of n bytes would be taken now.
// When it says yes, the next Send of the only sender does not fail with
// transport.ErrFull; it may say no too early.
type Roomy interface{ Room(n int) bool }

// Shape is how large the messages of a queue are.
type Shape struct {
	// Message is the size in bytes of the largest message, its header
	// included.
	Message int

	// Prefix is how many bytes stand before a message in the buffer of a
	// system call: the type of a SysV message. Send and Receive get buffers
	// that begin with them; Receive does not count them.
	Prefix int

	// Urgent says that messages may be urgent: the receiver gets those first.
	Urgent bool
}

// Put is the Send of a Port by a system call, which is made again when a signal has
// interrupted it. at is the queue for the call: a descriptor or an id. EAGAIN says
// that there is no room; form begins the text of other errors.
func Put(form string, call func(at int, m []byte) error, at int, m []byte) error {
	err := call(at, m)
	for err == syscall.EINTR {
		err = call(at, m)
	}
	return outcome(form, "send", err, transport.ErrFull)
}

// Take is the Receive of a Port likewise. EAGAIN says that there is no message.
func Take(form string, call func(at int, b []byte) (int, error), at int, b []byte) (int, error) {
	n, err := call(at, b)
	for err == syscall.EINTR {
		n, err = call(at, b)
	}
	return n, outcome(form, "receive", err, transport.ErrEmpty)
}

// outcome is what the error of a system call means to a Port: nil, state when it
// would have had to wait, or an error that names what was tried.
func outcome(form, op string, err, state error) error {
	switch err {
	case nil:
		return nil
	case syscall.EAGAIN, syscall.ETIMEDOUT:
		return state
	case syscall.EBADF:
		return fmt.Errorf("%s: %s: %w: %w", form, op, transport.ErrClosed, err)
	}
	return fmt.Errorf("%s: %s: %w", form, op, err)
}

// None is the Port of a form that this system does not have. Its methods fail
// with Err.
type None struct{ Err error }

// Send fails with Err.
func (n None) Send([]byte) error { return n.Err }

// Receive fails with Err.
func (n None) Receive([]byte) (int, error) { return 0, n.Err }

// SendUrgent fails with Err.
func (n None) SendUrgent([]byte) error { return n.Err }

// Spare says yes: Send says why not.
func (n None) Spare(int) bool { return true }

// Close has nothing to close.
func (n None) Close() error { return nil }

// Unsupported is the error of a form that exists on Linux only.
func Unsupported(what string) error {
	return fmt.Errorf("%s: Linux only: %w", what, errors.ErrUnsupported)
}
