package mailbox

import (
	"iter"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// Handler handles one message. body is its payload: memory of the mailbox, valid until
// Handler returns. Its error is the reply to an ask, and makes a tell a dead letter.
type Handler func(m *Message, body []byte) error

// Handlers finds handlers by the types of messages. It is made by NewHandlers.
type Handlers struct {
	slots []handlerOf // a hash table: a power of two of slots, at most half of them in use
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

// Of returns the handler of a type, or nil. As an identity is a hash, most are found in
// the first slot.
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

// All returns the types that have handlers.
func (h *Handlers) All() iter.Seq[codec.ID] {
	return func(yield func(codec.ID) bool) {
		for _, s := range h.slots {
			if s.id != 0 && !yield(s.id) {
				return
			}
		}
	}
}

// Look reports whether there is something to take. It reads the sender's tail only if no
// entry is known to be there. For a queue in the kernel, where only Next can tell, it
// returns true.
func (b *Inbox) Look(m *Message) bool {
	return m.ready || b.ring == nil || b.ring.Look() != transport.ErrEmpty
}

// Lent returns how many messages with a lent buffer Run has handled since the last call.
func (b *Inbox) Lent() int {
	n := b.lent
	b.lent = 0
	return n
}

// Run takes up to limit messages that are known to be there, and calls the handler of
// each. It does in one loop what Next, the handler and Done do, but only for tells in a
// ring whose payload is inline, without or with one lent buffer. It stops before the
// first message of another kind, for which the caller has to use Next, and after any
// message if stop or system is set. n is the number of messages done. An error is that
// of the handler of one more message, which is still in hand, in m.
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
