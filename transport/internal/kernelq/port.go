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

	// Receive removes the oldest message and copies it straight into b, whose
	// pages are in memory. It fails with transport.ErrEmpty when there is none.
	Receive(b []byte) (int, error)

	// Close closes the descriptors of this end. It may be called again.
	Close() error
}

// Prior is a Port of a queue with priorities. Its Send is for messages that are not
// urgent.
type Prior interface {
	Port

	// SendUrgent is Send for a message that is received before all that are
	// not urgent, and after all earlier urgent ones.
	SendUrgent(m []byte) error

	// Spare reports whether a message of n bytes that is not urgent leaves the
	// room that is kept for urgent ones. If it does, that holds until the next
	// Send, as there is only one sender.
	Spare(n int) bool
}

// Roomy is a Port that knows whether there is room for a message of n bytes. If Room
// returns true, the next Send does not fail with transport.ErrFull, as there is only
// one sender. It may return false although there is room.
type Roomy interface{ Room(n int) bool }

// Shape describes the messages of a queue.
type Shape struct {
	// Message is the size in bytes of the largest message, including its
	// header.
	Message int

	// Prefix is the number of bytes before a message in the buffer of a system
	// call: those of the type of a SysV message. Send and Receive get buffers
	// that begin with them; Receive does not count them.
	Prefix int

	// Urgent says that messages may be urgent: the receiver gets those first.
	Urgent bool
}

// Put implements the Send of a Port by a system call, which it repeats if a signal
// interrupts it. at is the call's first argument, a descriptor or an id. EAGAIN means
// that there is no room. form begins the text of other errors.
func Put(form string, call func(at int, m []byte) error, at int, m []byte) error {
	err := call(at, m)
	for err == syscall.EINTR {
		err = call(at, m)
	}
	return outcome(form, "send", err, transport.ErrFull)
}

// Take implements the Receive of a Port likewise. EAGAIN means that there is no message.
func Take(form string, call func(at int, b []byte) (int, error), at int, b []byte) (int, error) {
	n, err := call(at, b)
	for err == syscall.EINTR {
		n, err = call(at, b)
	}
	return n, outcome(form, "receive", err, transport.ErrEmpty)
}

// outcome turns the error of a system call into that of a Port: nil, state if the call
// would have had to wait, or an error that names the operation.
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

// Spare returns true: Send then says why not.
func (n None) Spare(int) bool { return true }

// Close does nothing.
func (n None) Close() error { return nil }

// Unsupported returns the error of a form that exists on Linux only.
func Unsupported(what string) error {
	return fmt.Errorf("%s: Linux only: %w", what, errors.ErrUnsupported)
}
