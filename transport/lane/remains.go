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
	// of the entry which was in the handler's hands.
	At     uint64
	InHand bool

	// Entry is the entry at At. It has no bytes when there is none yet, or
	// when it is still in a queue of the kernel. With a ring they are the
	// sender's memory.
	Entry transport.Entry

	// Left says that this entry has left the queue: a successor that is to
	// handle it must be given its bytes.
	Left bool
}

// Remains reads the pages of a lane whose receiver is dead. That receiver had
// begun at start, with the entry carry if that had left the queue before. Of
// what it finds there it believes only what lies between start and the
// sender's tail.
func (f *Form) Remains(send *transport.SendPage, recv *transport.RecvPage, start uint64, carry []byte) Remains {
	r := Remains{At: start}
	word := transport.InFlight(recv.InFlight.Load())
	if word.State() != transport.HandNone {
		const mask = 1<<48 - 1
		at := start + (word.Seq()-start)&mask
		// The sender may have died between an entry and its tail.
		if at <= send.Tail.Load()+1 {
			r.At, r.InHand = at, word.State() == transport.HandIn
		}
	}
	if f.Record == nil {
		r.Entry = ringEntry(send, r.At)
		return r
	}
	seq, entry, ok := f.Taken(recv)
	if ok && r.InHand && seq == r.At+1 {
		// The next entry was taken, and no handler has seen it: so the one
		// that the word speaks of was dealt with.
		r.At, r.InHand = seq, false
	}
	switch {
	case ok && seq == r.At:
		r.Entry, r.Left = transport.Entry{Seq: seq, End: seq + 1, Bytes: bytes.Clone(entry)}, true
	case carry != nil && r.At == start:
		r.Entry, r.Left = transport.Entry{Seq: start, End: start + 1, Bytes: carry}, true
	}
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
