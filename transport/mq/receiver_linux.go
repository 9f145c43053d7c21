package mq

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// receiver implements transport.Receiver.
type receiver struct {
	f     *os.File // owned; keeps fd open
	fd    int
	page  *transport.RecvPage
	taken []byte // the page's, in memory since NewReceiver
	next  uint64 // sequence of the entry that comes next
	lent  bool   // an entry has been lent that is not done
	carry int    // bytes of the message that was put into taken at the start; 0: none
	dead  error  // the peer broke the rules
}

// NewReceiver returns the consuming end of the queue f, which it owns. Messages
// are read into taken, which is page's Taken. start is the sequence of the
// first entry that this incarnation handles. carry, when it is not empty, is
// that entry, which an earlier incarnation had taken out of the queue; Next
// lends it first. It is copied into taken here: call NewReceiver before the
// supervisor forgets the page of the predecessor.
func NewReceiver(f *os.File, taken []byte, start uint64, page *transport.RecvPage, carry []byte) transport.Receiver {
	r := &receiver{f: f, fd: -1, page: page, taken: taken, next: start}
	_ = sys.FD(f, func(fd int) error { r.fd = fd; return nil }) // a closed f leaves -1, and Next says so
	// Every page of it is in memory from here on; see sys.MqReceive.
	clear(taken)
	page.Head.Store(start)
	if n := HeaderBytes + len(carry); len(carry) > 0 && n <= len(taken) {
		copy(taken[HeaderBytes:], carry)
		seal(taken[:n], start)
		r.carry = n
	} else if len(carry) > 0 {
		r.dead = &transport.CorruptError{What: "bytes of a carried entry", Value: uint64(len(carry)), Limit: uint64(len(taken) - HeaderBytes)}
	}
	return r
}

// Next takes one message out of the queue. A Next before the Done of the entry
// lent last panics: its memory would be overwritten.
func (r *receiver) Next() (transport.Entry, error) {
	if r.lent {
		panic("mq: Next before Done: this form lends one entry at a time")
	}
	if r.dead != nil {
		return transport.Entry{}, r.dead
	}
	n := r.carry
	r.carry = 0
	if n == 0 {
		var err error
		if n, err = r.receive(); err != nil {
			return transport.Entry{}, err
		}
	}
	seq, entry, err := parse(r.taken, n)
	if err == nil && (seq != r.next || HeaderBytes+len(entry) != n) {
		err = &transport.CorruptError{What: "sequence of an entry", Value: seq, Limit: r.next}
	}
	if err != nil {
		r.dead = err
		return transport.Entry{}, err
	}
	r.lent = true
	return transport.Entry{Seq: seq, End: seq + 1, Bytes: entry}, nil
}

// receive moves the oldest message from the queue to taken.
func (r *receiver) receive() (int, error) {
	for {
		n, err := sys.MqReceive(r.fd, r.taken)
		switch err {
		case nil:
			return n, nil
		case unix.EAGAIN, unix.ETIMEDOUT:
			return 0, transport.ErrEmpty
		case unix.EINTR:
		case unix.EBADF:
			return 0, fmt.Errorf("mq: receive: %w: %w", transport.ErrClosed, err)
		default:
			return 0, fmt.Errorf("mq: receive: %w", err)
		}
	}
}

// Done ends the entry lent last.
func (r *receiver) Done() {
	if !r.lent {
		panic("mq: Done without Next")
	}
	r.lent = false
	r.next++
}

// Release stores the head. The queue itself had room again as soon as the
// entry was taken.
func (r *receiver) Release() { r.page.Head.Store(r.next) }

// Close closes the descriptor. It may be called again. An entry that is lent
// stays in the page.
func (r *receiver) Close() error {
	r.fd = -1 // the number may be somebody else's soon
	return closeOnce(&r.f)
}
