package mailbox

import (
	"iter"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Handler deals with one message, whose payload is body: memory of the mailbox,
// valid until it returns. Its error is the reply of an ask, and a dead letter of
// a tell.
type Handler func(m *Message, body []byte) error

// Handlers finds handlers by the types of messages. The zero value has none.
type Handlers struct {
	slots []handlerOf // a power of two of them, at most half of them in use
}

type handlerOf struct {
	id codec.ID // 0: free
	do Handler
}

// NewHandlers returns the table of the handlers in all.
func NewHandlers(all map[codec.ID]Handler) *Handlers {
	n := 2
	for n < 2*len(all) {
		n *= 2
	}
	h := &Handlers{slots: make([]handlerOf, n)}
	for id, do := range all {
		i := int(id) & (n - 1)
		for h.slots[i].id != 0 {
			i = (i + 1) & (n - 1)
		}
		h.slots[i] = handlerOf{id, do}
	}
	return h
}

// Of is the handler of a type, or nil. An identity is a hash, so that most are
// found where they are looked for first.
func (h *Handlers) Of(id codec.ID) Handler {
	if s := &h.slots[int(id)&(len(h.slots)-1)]; s.id == id {
		return s.do
	}
	return h.further(id)
}

func (h *Handlers) further(id codec.ID) Handler {
	for i := int(id); ; i++ {
		s := &h.slots[i&(len(h.slots)-1)]
		if s.id == id || s.id == 0 {
			return s.do
		}
	}
}

// All is the types that have handlers.
func (h *Handlers) All() iter.Seq[codec.ID] {
	return func(yield func(codec.ID) bool) {
		for _, s := range h.slots {
			if s.id != 0 && !yield(s.id) {
				return
			}
		}
	}
}

// Look says whether there is something to take, after a look at the sender's
// tail unless it is known. Only Next can tell of a queue in the kernel.
func (b *Inbox) Look(m *Message) bool {
	return m.ready || b.ring == nil || b.ring.Look() != transport.ErrEmpty
}

// Run takes messages that have come by now, at most limit, and gives each to its
// handler: what Next, a handler and Done do, in one loop, for messages that are
// told and stand in a ring's entries as a whole, or have one lent buffer beside. It ends before the first that
// is something else, for which Next has to be called; and after one, when stop or
// system is set. n is how many are done. An error is that of the handler of one
// more, which is still in hand, in m.
func (b *Inbox) Run(m *Message, handlers *Handlers, limit int, stop, system *atomic.Bool) (n int, err error) {
	r := b.ring
	if r == nil || m.ready {
		return 0, nil
	}
	m.Box, m.Head.Kind, m.Head.Flags = b, wire.EntryTell, 0
	untold := false // the sender does not know of all blocks
	for n < limit {
		entry, end := r.Front()
		id, body, ok := wire.TellIn(entry)
		m.Head.N = 0
		if !ok {
			if id, body, ok = wire.LentTellIn(entry, &m.Head.Lent[0]); !ok {
				break
			}
			m.Head.N = 1
		}
		do := handlers.Of(codec.ID(id))
		if do == nil || m.Head.N > 0 && !b.see(m) {
			break
		}
		if untold && b.lane.Wanted() {
			b.tell()
			untold = false
		}
		seq := r.ReadTo()
		m.Head.Type, m.body, m.entry.Seq, m.entry.End = id, body, seq, end
		r.Pass(end)
		b.lane.Begin(seq)
		if err = do(m, body); err != nil {
			m.ready = true
			break
		}
		n++
		if m.Head.N > 0 {
			b.lane.End(end) // said first: see Done
			how := tellNow
			if r.More() {
				how, untold = tellLater, true
			}
			b.giveBack(m, how)
		}
		b.owed = true
		r.Done()
		if r.Unreleased() >= b.quarter || b.lane.Hurried() {
			b.Flush(m)
		}
		if stop.Load() || system.Load() {
			break
		}
	}
	if untold {
		b.tell()
	}
	return n, err
}

// see gets the one lent buffer of m, and reports whether all is as usual.
func (b *Inbox) see(m *Message) bool {
	ref := segment.BlockRef(m.Head.Lent[0])
	if ref.Segment == wire.FileSegment {
		return false
	}
	h, err := b.views.Hold(ref)
	if err != nil {
		return false // Next meets it too
	}
	m.lent.Item[0] = reading(h, ref, b, leaseReading)
	m.lent.Mark[0] = codec.Mark{Generation: ref.Generation, Length: ref.Length}
	m.lent.N = 1
	return true
}
