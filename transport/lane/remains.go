package lane

import (
	"bytes"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// Remains is what a dead receiver has left of a lane.
type Remains struct {
	// At is the first sequence that was not dealt with. With InHand, the handler
	// had the entry at At in hand. Urgent is how many of the entries before At
	// were urgent.
	At     uint64
	Urgent uint64
	InHand bool

	// Entry is the entry at At. It has no bytes if there is none yet, or if it
	// is still in a queue of the kernel. With a ring its bytes are the sender's
	// memory.
	Entry transport.Entry

	// Left says that Entry has left the queue: a successor that is to handle
	// it must be given its bytes. IsUrgent is its class.
	Left, IsUrgent bool
}

// Again returns where a successor begins that is to handle the entry at At.
func (r *Remains) Again() transport.Place {
	p := transport.Place{Seq: r.At, Urgent: r.Urgent}
	if r.Left {
		p.Carry, p.CarryUrgent = r.Entry.Bytes, r.IsUrgent
	}
	return p
}

// Past returns where a successor begins that is to skip the entry at At.
func (r *Remains) Past() transport.Place {
	p := transport.Place{Seq: r.Entry.End, Urgent: r.Urgent}
	if r.IsUrgent {
		p.Urgent++
	}
	return p
}

// Remains reads the pages of a lane whose receiver is dead. The receiver had begun at
// began. Only words of its page that lie between that place and the sender's tail are
// believed.
func (f *Form) Remains(send *transport.SendPage, recv *transport.RecvPage, began transport.Place) Remains {
	if f.Record == nil {
		return ringRemains(send, recv, began.Seq)
	}
	r := Remains{At: began.Seq, Urgent: began.Urgent}
	normal, urgent := recv.Normal.Load(), recv.Urgent.Load()
	// One more than the tail: the sender may have died between an entry and its tail.
	if n := normal + urgent; normal >= began.Seq-began.Urgent && urgent >= began.Urgent && n >= normal && n <= send.Tail.Load()+1 {
		r.At, r.Urgent = n, urgent
	}
	r.kernelEntry(f, recv, began)
	word := transport.InFlight(recv.InFlight.Load())
	const mask = 1<<48 - 1 // of the word's sequence
	switch ahead := (word.Seq() - r.At) & mask; {
	case word.State() == transport.HandIn && ahead == 0:
		r.InHand = true
	case word.State() == transport.HandDone && ahead == 1 && r.Left:
		// It died after it had stored the word and before it stored the count.
		p := r.Past()
		r = Remains{At: p.Seq, Urgent: p.Urgent}
	}
	return r
}

// kernelEntry finds the entry at At if it has left the queue: the receiver took it
// last, or was given it to begin with.
func (r *Remains) kernelEntry(f *Form, recv *transport.RecvPage, began transport.Place) {
	seq, entry, ok := f.taken(recv)
	urgent := seq&transport.UrgentBit != 0
	at := transport.Place{Seq: r.At, Urgent: r.Urgent}
	switch {
	case ok && seq == at.Next(urgent):
		r.Entry, r.Left, r.IsUrgent = transport.Entry{Bytes: bytes.Clone(entry)}, true, urgent
	case began.Carry != nil && r.At == began.Seq:
		r.Entry, r.Left, r.IsUrgent = transport.Entry{Bytes: began.Carry}, true, began.CarryUrgent
	default:
		return
	}
	r.Entry.Seq, r.Entry.End = r.At, r.At+1
}

// ringRemains is Remains for a ring, whose entries stay where they are.
func ringRemains(send *transport.SendPage, recv *transport.RecvPage, start uint64) (r Remains) {
	r.At, r.InHand = ringPlace(send, recv, start)
	r.Entry = ringEntry(send, r.At)
	return r
}

// ringPlace returns the first sequence that the receiver of a ring, which began at start,
// has not dealt with, and whether its handler has that in hand.
func ringPlace(send *transport.SendPage, recv *transport.RecvPage, start uint64) (at uint64, inHand bool) {
	word := transport.InFlight(recv.InFlight.Load())
	if word.State() == transport.HandNone {
		return start, false
	}
	// The word has only 48 bits of the sequence, and a lane can have carried more
	// than they count. What is meant is the last sequence with these bits that is
	// at most one after the tail.
	const mask = 1<<48 - 1
	last := send.Tail.Load() + 1
	if at = last - (last-word.Seq())&mask; at < start || at > last {
		return start, false
	}
	return at, word.State() == transport.HandIn
}

// ringEntry returns the entry of a ring at a sequence, if it is still there.
func ringEntry(send *transport.SendPage, at uint64) transport.Entry {
	if at >= send.Tail.Load() {
		return transport.Entry{}
	}
	var head atomic.Uint64
	e, err := ring.NewReceiver(send, &head, at).Next()
	if err != nil {
		return transport.Entry{}
	}
	return e
}
