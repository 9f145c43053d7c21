package mailbox

import (
	"context"
	"errors"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// Cancelled reports whether the asker has given m up.
func (b *Inbox) Cancelled(m *Message) bool {
	return m.Head.Kind == wire.EntryAsk && b.CancelledAsk(m.Head.Ask)
}

// CancelledAsk reports whether the asker has given up that ask, or a later one of its
// slot. Any goroutine may call it while the ask is in hand.
func (b *Inbox) CancelledAsk(ask uint64) bool { return b.lane.Over(ask) }

func slotOf(ask uint64) int { return int(ask % transport.ReplySlots) }

// Lend lends a buffer of n bytes that can be filled and sent in a reply to this sender.
func (b *Inbox) Lend(n int) (Buffer, error) {
	buf, err := b.replies.lend(n)
	if err != nil && errors.Is(err, ErrFull) && b.takeBack() {
		buf, err = b.replies.lend(n)
	}
	return buf, err
}

// Reply answers the ask m with what r, a pointer, points to. ErrFull means that the reply
// needs a block and all are lent: it may be called again. If the ask was given up, a
// reply that is not small is replaced by an error.
func Reply(m *Message, t *codec.Type, r any) error {
	b := m.Box
	slot := b.lane.Slot(slotOf(m.Head.Ask))
	h := wire.PlainHeader(wire.EntryReply)
	if !t.Custom() && !t.Lends() {
		n, err := codec.Size(t, r)
		if err != nil {
			return err
		}
		if h+n <= len(slot) {
			wire.PutPlain(slot, wire.EntryReply, uint64(t.ID()), m.Head.Ask, 0)
			if out, err := codec.Append(t, slot[h:h:h+n], r, nil); err != nil || len(out) != n {
				return encodeError(t, n, len(out), err)
			}
			b.lane.Reply(slotOf(m.Head.Ask), m.Head.Ask, h+n)
			return nil
		}
	}
	if b.Cancelled(m) {
		Discard(t, r)
		ReplyError(m, context.Canceled)
		return nil
	}
	p := getParcel(wire.EntryReply, t)
	defer p.free()
	p.head.Ask = m.Head.Ask
	err := encode(p, b.replies, t, r, len(slot), len(slot))
	if err != nil && errors.Is(err, ErrFull) && b.takeBack() {
		p.lent.N = 0
		err = encode(p, b.replies, t, r, len(slot), len(slot))
	}
	if err != nil {
		return err
	}
	h = p.head.Header()
	p.head.Put(slot)
	n := 0
	if p.packed() {
		n = copy(slot[h:], p.scratch)
	}
	if err := p.leaving(b.replies, 0); err != nil {
		p.abandon(b.replies, p.lent.N)
		mustLive(err)
		return err
	}
	if p.head.Flags&wire.FlagBlock != 0 || p.head.N > 0 {
		b.note(&p.head)
	}
	b.lane.Reply(slotOf(m.Head.Ask), m.Head.Ask, h+n)
	p.sent(b.replies)
	p.endLent()
	return nil
}

// ReplyError answers the ask m with an error.
func ReplyError(m *Message, err error) {
	b := m.Box
	slot := b.lane.Slot(slotOf(m.Head.Ask))
	h := wire.PlainHeader(wire.EntryError)
	wire.PutPlain(slot, wire.EntryError, 0, m.Head.Ask, 0)
	n := putRemoteError(slot[h:], err)
	b.lane.Reply(slotOf(m.Head.Ask), m.Head.Ask, h+n)
}
