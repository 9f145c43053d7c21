package mq

import (
	"os"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// port is one descriptor of a queue.
type port struct {
	f  *os.File // owned; keeps fd open
	fd int
}

func newPort(f *os.File) kernelq.Port {
	p := &port{f: f, fd: -1}
	_ = sys.FD(f, func(fd int) error { p.fd = fd; return nil }) // a closed f leaves -1, and every call says so
	return p
}

// messageBytes is the size of the largest message of f.
func messageBytes(f *os.File) (n int) {
	n = MessageBytes
	_ = sys.FD(f, func(fd int) error {
		if a, err := sys.MqGetAttr(fd); err == nil && a.MsgSize >= HeaderBytes && a.MsgSize <= transport.TakenBytes {
			n = a.MsgSize
		}
		return nil
	})
	return n
}

// Send puts one message into the queue.
func (p *port) Send(m []byte) error {
	for {
		again, err := kernelq.Outcome("mq: send", sys.MqSend(p.fd, m), transport.ErrFull)
		if !again {
			return err
		}
	}
}

// Receive moves the oldest message from the queue to b.
func (p *port) Receive(b []byte) (int, error) {
	for {
		n, err := sys.MqReceive(p.fd, b)
		again, err := kernelq.Outcome("mq: receive", err, transport.ErrEmpty)
		if !again {
			return n, err
		}
	}
}

// Close closes the descriptor. It may be called again.
func (p *port) Close() error {
	p.fd = -1 // the number may be somebody else's soon
	f := p.f
	p.f = nil
	if f == nil {
		return nil
	}
	return f.Close()
}
