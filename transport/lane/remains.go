package lane

import (
	"bytes"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// Remains is what a receiver that is dead has left of a lane.
type Remains struct {
	// At is the first sequence that was not dealt with, or, with InHand, that
	// of the entry which was in the handler's hands. Urgent is how many of the
	// entries before it were urgent.
	At     uint64
	Urgent uint64
	InHand bool

	// Entry is the entry at At. It has no bytes when there is none yet, or
	// when it is still in a queue of the kernel. With a ring they are the
	// sender's memory.
	Entry transport.Entry

	// Left says that this entry has left the queue: a successor that is to
	// handle it must be given its bytes. IsUrgent is its class.
	Left, IsUrgent bool
}

// Again is where a successor begins that is to handle the entry at At.
func (r *Remains) Again() transport.Place {
	p := transport.Place{Seq: r.At, Urgent: r.Urgent}
	if r.Left {
		p.Carry, p.CarryUrgent = r.Entry.Bytes, r.IsUrgent
	}
	return p
}

// Past is where a successor begins that is not to: after Entry.
func (r *Remains) Past() transport.Place {
	p := transport.Place{Seq: r.Entry.End, Urgent: r.Urgent}
	if r.IsUrgent {
		p.Urgent++
	}
	return p
}

// Remains reads the pages of a lane whose receiver is dead. That receiver had
// begun at a place. Of what it finds there it believes only what lies between
// that and the sender's tail.
func (f *Form) Remains(send *transport.SendPage, recv *transport.RecvPage, began transport.Place) Remains {
	if f.Record == nil {
		return ringRemains(send, recv, began.Seq)
	}
	r := Remains{At: began.Seq, Urgent: began.Urgent}
	normal, urgent := recv.Normal.Load(), recv.Urgent.Load()
	// The sender may have died between an entry and its tail.
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
		// The word was stored, and the count after it was not.
		p := r.Past()
		r = Remains{At: p.Seq, Urgent: p.Urgent}
	}
	return r
}

// kernelEntry finds the entry at At, if it has left the queue: as what the
// receiver took last, or as what it was given to begin with.
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
func ringRemains(send *transport.SendPage, recv *transport.RecvPage, start uint64) Remains {
	r := Remains{At: start}
	word := transport.InFlight(recv.InFlight.Load())
	if word.State() != transport.HandNone {
		// The word has 48 bits of the sequence: the last one that fits them and is
		// not behind the tail. A lane can have carried more than they count.
		const mask = 1<<48 - 1
		last := send.Tail.Load() + 1
		if at := last - (last-word.Seq())&mask; at >= start && at <= last {
			r.At, r.InHand = at, word.State() == transport.HandIn
		}
	}
	r.Entry = ringEntry(send, r.At)
	return r
}

// ringEntry is the entry of a ring at a sequence, where the sender still has
// it.
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
