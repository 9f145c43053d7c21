package kernelq

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// FD is a Port over a descriptor, for forms that have one.
type FD struct {
	Form string   // begins error texts
	File *os.File // owned; keeps the descriptor open

	// Put and Take are the system calls. They do not wait: EAGAIN.
	Put  func(fd int, m []byte) error
	Take func(fd int, b []byte) (int, error)

	fd int
}

// Open makes the port ready. A file that is closed shows in the first call.
func (p *FD) Open() *FD {
	p.fd = -1
	_ = sys.FD(p.File, func(fd int) error { p.fd = fd; return nil })
	return p
}

// Number is the descriptor's number, -1 when it is closed.
func (p *FD) Number() int { return p.fd }

// Send puts one message into the queue.
func (p *FD) Send(m []byte) error { return p.SendBy(p.Put, m) }

// SendBy is Send by another system call than Put.
func (p *FD) SendBy(put func(fd int, m []byte) error, m []byte) error {
	for {
		again, err := Outcome(p.Form, "send", put(p.fd, m), transport.ErrFull)
		if !again {
			return err
		}
	}
}

// Receive moves the oldest message from the queue to b.
func (p *FD) Receive(b []byte) (int, error) {
	for {
		n, err := p.Take(p.fd, b)
		again, err := Outcome(p.Form, "receive", err, transport.ErrEmpty)
		if !again {
			return n, err
		}
	}
}

// Close closes the descriptor. It may be called again.
func (p *FD) Close() error {
	p.fd = -1 // the number may be somebody else's soon
	f := p.File
	p.File = nil
	if f == nil {
		return nil
	}
	return f.Close()
}

// Room says whether the descriptor is writable; see Roomy.
func (p *FD) Room(int) bool {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return n == 1 && err == nil && fds[0].Revents&unix.POLLOUT != 0
		}
	}
}
