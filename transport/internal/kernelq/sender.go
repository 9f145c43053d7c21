package kernelq

import "github.com/understudy-go/understudy/transport"

// sender implements transport.Sender.
type sender struct {
	port    Port
	page    *transport.SendPage
	next    uint64 // sequence of the next entry
	buffer  []byte // prefix and the message being written
	prefix  int
	pending int // bytes of the message; 0: nothing is reserved
}

// NewSender returns the producing end of a queue, for the lane whose send page
// is page. It owns port. Entries continue at the page's tail. prefix, if not
// nil, is what stands before each message.
func NewSender(port Port, shape Shape, prefix []byte, page *transport.SendPage) transport.Sender {
	s := &sender{port: port, page: page, next: page.Tail.Load(), prefix: shape.Prefix}
	s.buffer = make([]byte, shape.Prefix+shape.Message)
	copy(s.buffer[:shape.Prefix], prefix)
	return s
}

// Reserve lends a private buffer; that the queue is full shows in Commit.
func (s *sender) Reserve(n int) ([]byte, error) {
	if n > s.MaxEntry() {
		return nil, &transport.SizeError{What: "entry", Size: n, Limit: s.MaxEntry(),
			Remedy: `send it in a block, or use the queue form "ring"`}
	}
	s.pending = HeaderBytes + n
	begin, end := s.prefix+HeaderBytes, s.prefix+s.pending
	return s.buffer[begin:end:end], nil
}

// Room fails with transport.ErrFull when the reserved message would not be
// taken now; see Roomy.
func (s *sender) Room() error {
	if r, ok := s.port.(Roomy); ok && !r.Room(s.prefix+s.pending) {
		return transport.ErrFull
	}
	return nil
}

// Commit puts the message into the queue and then stores the tail. If this
// process dies in between, the entry is visible although nobody was told.
func (s *sender) Commit() error {
	if s.pending == 0 {
		panic("kernelq: Commit without Reserve")
	}
	m := s.buffer[:s.prefix+s.pending]
	Seal(m[s.prefix:], s.next)
	if err := s.port.Send(m); err != nil {
		return err
	}
	s.next++
	s.pending = 0
	s.page.Tail.Store(s.next)
	return nil
}

// Next is the sequence of the next entry.
func (s *sender) Next() uint64 { return s.next }

// MaxEntry is the bytes of a message without its header.
func (s *sender) MaxEntry() int { return len(s.buffer) - s.prefix - HeaderBytes }

// Close closes the port. It may be called again.
func (s *sender) Close() error { return s.port.Close() }
