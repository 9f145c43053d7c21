package mq

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// sender implements transport.Sender.
type sender struct {
	f       *os.File // owned; keeps fd open
	fd      int
	page    *transport.SendPage
	next    uint64 // sequence of the next entry
	message []byte // the message being written
	pending int    // bytes of it; 0: nothing is reserved
}

// NewSender returns the producing end of the queue f, which it owns, for the
// lane whose send page is page. Entries continue at the page's tail.
func NewSender(f *os.File, page *transport.SendPage) transport.Sender {
	s := &sender{f: f, fd: -1, page: page, next: page.Tail.Load(), message: make([]byte, MessageBytes)}
	_ = sys.FD(f, func(fd int) error { // a closed f leaves -1, and Commit says so
		s.fd = fd
		if a, err := sys.MqGetAttr(fd); err == nil && a.MsgSize >= HeaderBytes && a.MsgSize <= transport.TakenBytes {
			s.message = make([]byte, a.MsgSize)
		}
		return nil
	})
	return s
}

// Reserve lends a private buffer; that the queue is full shows in Commit.
func (s *sender) Reserve(n int) ([]byte, error) {
	if n > s.MaxEntry() {
		return nil, &transport.SizeError{What: "entry", Size: n, Limit: s.MaxEntry(),
			Remedy: `send it in a block, or use the queue form "ring"`}
	}
	s.pending = HeaderBytes + n
	return s.message[HeaderBytes:s.pending:s.pending], nil
}

// Commit puts the message into the queue and then stores the tail. If this
// process dies in between, the entry is visible although nobody was told.
func (s *sender) Commit() error {
	if s.pending == 0 {
		panic("mq: Commit without Reserve")
	}
	m := s.message[:s.pending]
	seal(m, s.next)
	for {
		switch err := sys.MqSend(s.fd, m); err {
		case nil:
			s.next++
			s.pending = 0
			s.page.Tail.Store(s.next)
			return nil
		case unix.EAGAIN, unix.ETIMEDOUT:
			return transport.ErrFull
		case unix.EINTR:
		case unix.EBADF:
			return fmt.Errorf("mq: send: %w: %w", transport.ErrClosed, err)
		default:
			return fmt.Errorf("mq: send: %w", err)
		}
	}
}

// Next is the sequence of the next entry.
func (s *sender) Next() uint64 { return s.next }

// MaxEntry is the bytes of a message without its header.
func (s *sender) MaxEntry() int { return len(s.message) - HeaderBytes }

// Close closes the descriptor. It may be called again.
func (s *sender) Close() error {
	s.fd = -1 // the number may be somebody else's soon
	return closeOnce(&s.f)
}

// closeOnce closes a file and forgets it.
func closeOnce(p **os.File) error {
	f := *p
	*p = nil
	if f == nil {
		return nil
	}
	return f.Close()
}
