package kernelq

import "github.com/understudy-go/understudy/transport"

// receiver implements transport.Receiver.
type receiver struct {
	port   Port
	page   *transport.RecvPage
	buffer []byte    // the page's Taken, in memory since NewReceiver
	taken  []byte    // buffer after the prefix
	next   [2]uint64 // sequence of the next entry that is not urgent, and of the next one that is
	urgent bool      // entries may be urgent
	class  int       // of the entry lent last: 1 if it is urgent
	lent   bool      // the entry lent last is not done
	carry  int       // bytes of a carried message in taken that Next lends first; 0: none
	dead   error     // the rule that the peer broke; final
}

// NewReceiver returns the consuming end of a queue. It owns port. Messages are read
// into the page's Taken. at is where this incarnation begins. If at has a Carry, an
// earlier incarnation had taken that entry out of the queue, and Next lends it first.
// NewReceiver copies it into the page: call it before the supervisor forgets the page
// of the predecessor.
func NewReceiver(port Port, shape Shape, page *transport.RecvPage, at transport.Place) transport.Receiver {
	r := &receiver{port: port, page: page, buffer: page.Taken, taken: page.Taken[shape.Prefix:], urgent: shape.Urgent,
		next: [2]uint64{at.Seq - at.Urgent, at.Urgent}}
	// From here on every page of it is in memory, so the kernel copies into it
	// without a page fault, which a kill could interrupt.
	clear(page.Taken)
	page.Head.Store(at.Seq)
	page.Normal.Store(r.next[0])
	page.Urgent.Store(r.next[1])
	carry := at.Carry
	if n := HeaderBytes + len(carry); len(carry) > 0 && n <= len(r.taken) {
		seq := r.next[0]
		if at.CarryUrgent {
			seq = r.next[1] | transport.UrgentBit
		}
		copy(r.taken[HeaderBytes:], carry)
		Seal(r.taken[:n], seq)
		r.carry = n
	} else if len(carry) > 0 {
		r.dead = &transport.CorruptError{What: "bytes of a carried entry", Value: uint64(len(carry)), Limit: uint64(len(r.taken) - HeaderBytes)}
	}
	return r
}

// Next takes one message out of the queue. A Next before the Done of the entry
// lent last panics: its memory would be overwritten.
func (r *receiver) Next() (transport.Entry, error) {
	if r.lent {
		panic("kernelq: Next before Done: this form lends one entry at a time")
	}
	if r.dead != nil {
		return transport.Entry{}, r.dead
	}
	n := r.carry
	r.carry = 0
	if n == 0 {
		var err error
		if n, err = r.port.Receive(r.buffer); err != nil {
			return transport.Entry{}, err
		}
	}
	seq, entry, err := parse(r.taken, n)
	if err == nil {
		err = r.check(seq, HeaderBytes+len(entry) == n)
	}
	if err != nil {
		r.dead = err
		return transport.Entry{}, err
	}
	r.lent = true
	// The receiver's sequence counts entries of both classes, in the order received.
	at := r.next[0] + r.next[1]
	return transport.Entry{Seq: at, End: at + 1, Bytes: entry}, nil
}

// check fails if an entry is not whole, or not the next one of its class.
func (r *receiver) check(seq uint64, whole bool) error {
	r.class = 0
	if r.urgent && seq&transport.UrgentBit != 0 {
		r.class = 1
	}
	n := seq
	if r.class == 1 {
		n &^= transport.UrgentBit
	}
	if n != r.next[r.class] || !whole {
		return &transport.CorruptError{What: "sequence of an entry", Value: n, Limit: r.next[r.class]}
	}
	return nil
}

// Done ends the entry lent last. The count that it stores and the record of the
// message taken last together tell what was dealt with, whatever the order in which
// the classes came.
func (r *receiver) Done() {
	if !r.lent {
		panic("kernelq: Done without Next")
	}
	r.lent = false
	r.next[r.class]++
	if r.class == 1 {
		r.page.Urgent.Store(r.next[1])
	} else {
		r.page.Normal.Store(r.next[0])
	}
}

// Release stores the head. The queue itself has had room since the entry was taken.
func (r *receiver) Release() { r.page.Head.Store(r.next[0] + r.next[1]) }

// Close closes the port. It may be called again. A lent entry stays in the page.
func (r *receiver) Close() error { return r.port.Close() }
