package kernelq

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// FD is a Port over a descriptor, for forms that have one.
type FD struct {
	form string   // begins error texts
	file *os.File // keeps the descriptor open
	put  func(fd int, m []byte) error
	take func(fd int, b []byte) (int, error)
	fd   int
}

// NewFD returns the port of a form over f, which it owns. put and take are the
// system calls; instead of waiting they return EAGAIN. If f is closed, the first
// call fails.
func NewFD(form string, f *os.File, put func(fd int, m []byte) error, take func(fd int, b []byte) (int, error)) *FD {
	p := &FD{form: form, file: f, put: put, take: take, fd: -1}
	_ = sys.FD(f, func(fd int) error { p.fd = fd; return nil })
	return p
}

// Number returns the descriptor's number, or -1 when it is closed.
func (p *FD) Number() int { return p.fd }

// Send puts one message into the queue.
func (p *FD) Send(m []byte) error { return p.SendBy(p.put, m) }

// SendBy is Send with another system call.
func (p *FD) SendBy(put func(fd int, m []byte) error, m []byte) error {
	return Put(p.form, put, p.fd, m)
}

// Receive moves the oldest message from the queue to b.
func (p *FD) Receive(b []byte) (int, error) {
	return Take(p.form, p.take, p.fd, b)
}

// Close closes the descriptor. It may be called again.
func (p *FD) Close() error {
	p.fd = -1 // the number may soon be reused
	f := p.file
	p.file = nil
	if f == nil {
		return nil
	}
	var err error
	sys.Briefly(func() { err = f.Close() }) // what is unread may be anything
	return err
}

// Room reports whether the descriptor is writable; see Roomy.
func (p *FD) Room(int) bool {
	ready, err := sys.Ready(p.fd, unix.POLLOUT)
	return ready && err == nil
}
