package mailbox

import (
	"iter"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
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

// Lent is how many messages with a lent buffer Run has handled since the last call.
func (b *Inbox) Lent() int {
	n := b.lent
	b.lent = 0
	return n
}

// Run takes messages that have come by now, at most limit, and gives each to its
// handler: what Next, a handler and Done do, in one loop, for messages that are
// told and stand in a ring's entries as a whole, or have one lent buffer beside.
// It ends before the first that is something else, for which Next has to be
// called; and after one, when stop or system is set. n is how many are done. An
// error is that of the handler of one more, which is still in hand, in m.
func (b *Inbox) Run(m *Message, handlers *Handlers, limit int, stop, system *atomic.Bool) (n int, err error) {
	r := b.ring
	if r == nil || m.ready {
		return 0, nil
	}
	m.Box, m.Head.Kind, m.Head.Flags, m.Head.N = b, wire.EntryTell, 0, 0
	for n < limit {
		entry, end := r.Front()
		id, body, ok := wire.TellIn(entry)
		if !ok {
			ran, err := b.runLent(m, handlers, limit-n, stop, system)
			if n += ran; ran == 0 || err != nil || stop.Load() || system.Load() {
				return n, err
			}
			continue
		}
		do := handlers.Of(codec.ID(id))
		if do == nil {
			break
		}
		seq := r.ReadTo()
		m.Head.Type, m.body, m.entry.Seq, m.entry.End = id, body, seq, end
		r.Pass(end)
		b.lane.Begin(seq)
		if err = do(m, body); err != nil {
			m.ready = true
			return n, err
		}
		n++
		b.owed = true
		r.Done()
		if r.Unreleased() >= b.quarter || b.lane.Hurried() {
			b.Flush(m)
		}
		if stop.Load() || system.Load() {
			break
		}
	}
	return n, nil
}
