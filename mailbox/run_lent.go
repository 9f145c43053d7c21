package mailbox

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// runLent is Run for successive messages with one lent buffer. It is separate so that
// messages without one do not pay for it. While more messages are there, it gives back
// several blocks at a time, and all that are left when it ends.
func (b *Inbox) runLent(m *Message, handlers *Handlers, limit int, stop, system *atomic.Bool) (n int, err error) {
	defer b.tell() // also when a handler panics
	r := b.ring
	for n < limit && err == nil && !(n > 0 && (stop.Load() || system.Load())) {
		entry, end := r.Front()
		id, body, ok := wire.LentTellIn(entry, &m.Head.Lent[0])
		if !ok {
			break
		}
		do := handlers.Of(codec.ID(id))
		if do == nil || !b.see(m) {
			break
		}
		if len(b.later) > 0 && b.lane.Wanted() {
			b.tell()
		}
		m.Head.N, m.Head.Type, m.body, m.entry.Seq, m.entry.End = 1, id, body, r.ReadTo(), end
		r.Pass(end)
		b.lane.Begin(m.entry.Seq)
		if err = do(m, body); err != nil {
			m.ready = true
			break
		}
		n++
		b.lent++
		b.lane.End(end) // before giveBack; see Done
		how := tellNow
		if r.More() {
			how = tellLater
		}
		b.giveBack(m, how)
		m.Head.N = 0
		b.owed = true
		r.Done()
		if r.Unreleased() >= b.quarter || b.lane.Hurried() {
			b.Flush(m)
		}
	}
	return n, err
}

// see brings the lent buffer of m into view. It returns false if that needs Next: the
// buffer is a file, or there is an error.
func (b *Inbox) see(m *Message) bool {
	ref := m.Head.Lent[0]
	if ref.Segment == wire.FileSegment {
		return false
	}
	h, err := b.views.Hold(ref)
	if err != nil {
		return false // Next will meet it, too
	}
	m.lent.Item[0] = reading(h, ref, b, leaseReading)
	m.lent.Mark[0] = codec.Mark{Generation: ref.Generation, Length: ref.Length}
	m.lent.N = 1
	return true
}
