package kernelq

import (
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

// sender implements transport.Sender.
type sender struct {
	port    Port
	page    *transport.SendPage
	prior   Prior     // port, if entries may be urgent; else nil
	next    [2]uint64 // sequence of the next entry that is not urgent, and of the next one that is
	class   int       // of the entry being written: 1 if it is urgent
	buffer  []byte    // prefix and the message being written
	prefix  int
	pending int // bytes of the message; 0: nothing is reserved
}

// NewSender returns the producing end of a queue, for the lane whose send page is
// page. It owns port. Its sequence continues at the page's tail. prefix, if not nil,
// precedes each message.
func NewSender(port Port, shape Shape, prefix []byte, page *transport.SendPage) transport.Sender {
	s := &sender{port: port, page: page, prefix: shape.Prefix}
	s.next[0] = page.Tail.Load()
	s.buffer = make([]byte, shape.Prefix+shape.Message)
	copy(s.buffer[:shape.Prefix], prefix)
	return s
}

// NewPrioritySender is NewSender for a queue with priorities.
func NewPrioritySender(port Prior, shape Shape, prefix []byte, page *transport.SendPage) transport.Prioritized {
	s := NewSender(port, shape, prefix, page).(*sender)
	s.prior = port
	return s
}

// Urgent sets whether the entries reserved from now on are urgent.
func (s *sender) Urgent(yes bool) {
	switch {
	case !yes:
		s.class = 0
	case s.prior == nil:
		panic(fmt.Sprintf("kernelq: an urgent entry in a queue of %T, which was made without priorities", s.port))
	default:
		s.class = 1
	}
}

// Reserve lends a private buffer; a full queue shows only in Commit.
func (s *sender) Reserve(n int) ([]byte, error) {
	if n > s.MaxEntry() {
		return nil, &transport.SizeError{What: "entry", Size: n, Limit: s.MaxEntry(),
			Remedy: `send it in a block, or use the queue form "ring"`}
	}
	s.pending = HeaderBytes + n
	begin, end := s.prefix+HeaderBytes, s.prefix+s.pending
	return s.buffer[begin:end:end], nil
}

// Room fails with transport.ErrFull if there is no room for the reserved message now;
// see Roomy.
func (s *sender) Room() error {
	if r, ok := s.port.(Roomy); ok && !r.Room(s.prefix+s.pending) || !s.spare() {
		return transport.ErrFull
	}
	return nil
}

// spare reports whether the reserved message is urgent, or leaves the room that is kept
// for urgent ones.
func (s *sender) spare() bool {
	return s.prior == nil || s.class == 1 || s.prior.Spare(s.pending)
}

// Commit puts the message into the queue and then stores the tail. If this process
// dies in between, the entry is visible although the tail does not count it.
func (s *sender) Commit() error {
	if s.pending == 0 {
		panic("kernelq: Commit without Reserve")
	}
	m := s.buffer[:s.prefix+s.pending]
	Seal(m[s.prefix:], s.Next())
	if err := s.send(m); err != nil {
		return err
	}
	s.next[s.class]++
	s.pending = 0
	s.page.Tail.Store(s.next[0] + s.next[1])
	return nil
}

func (s *sender) send(m []byte) error {
	if s.class == 1 {
		return s.prior.SendUrgent(m)
	}
	if !s.spare() {
		return transport.ErrFull
	}
	return s.port.Send(m)
}

// Next returns the sequence of the next entry, with transport.UrgentBit if it is
// urgent.
func (s *sender) Next() uint64 {
	if s.class == 1 {
		return s.next[1] | transport.UrgentBit
	}
	return s.next[0]
}

// MaxEntry returns the bytes of the largest message without its header.
func (s *sender) MaxEntry() int { return len(s.buffer) - s.prefix - HeaderBytes }

// Close closes the port. It may be called again.
func (s *sender) Close() error { return s.port.Close() }
