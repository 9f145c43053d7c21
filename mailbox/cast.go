package mailbox

import (
	"slices"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Cast is a message to several outboxes, encoded once. Use it from one goroutine, and
// call End at the end.
type Cast struct {
	p    *parcel
	t    *codec.Type
	room int                    // bytes of the largest payload that travels inline
	kept [wire.MaxBlocks][]byte // copies of the buffers that Give has sent, for later outboxes
}

// NewCast encodes what m, a pointer, points to for the members of g. A payload that is
// too large for an entry goes into a block of g, once for all. ErrFull means that all
// blocks of g are out. g may be nil: then a large payload, and lent buffers, are copied
// for each outbox.
func NewCast(g *Shared, t *codec.Type, m any) (*Cast, error) {
	c := &Cast{p: getParcel(wire.EntryTell, t), t: t, room: 1 << 30}
	c.p.cast, c.p.urgent = true, t.Urgent()
	if g != nil {
		for _, o := range g.members {
			c.room = min(c.room, o.inline)
		}
	}
	if err := encodeCast(c, g, t, m); err != nil {
		c.p.free()
		return nil, err
	}
	return c, nil
}

func encodeCast(c *Cast, g *Shared, t *codec.Type, m any) (err error) {
	p := c.p
	if g != nil && !t.Custom() && !t.Lends() {
		n, err := codec.Size(t, m)
		if err != nil {
			return err
		}
		if n > c.room {
			b, err := p.lend(g, n)
			if err != nil {
				return err
			}
			if out, err := codec.Append(t, b.Bytes()[:0:n], m, nil); err != nil || len(out) != n {
				b.Release()
				return encodeError(t, n, len(out), err)
			}
			return nil
		}
	}
	if p.scratch, err = codec.Append(t, p.scratch[:0], m, &p.lent); err != nil {
		return err
	}
	if n := len(p.scratch); g != nil && n > c.room-p.lent.N*wire.BlockRefBytes {
		b, err := p.lend(g, n)
		if err != nil {
			return err
		}
		copy(b.Bytes(), p.scratch)
	}
	return nil
}

// lend makes a buffer of g for the payload of n bytes.
func (p *parcel) lend(g *Shared, n int) (Buffer, error) {
	lend := g.Lend
	if p.urgent {
		lend = g.lend
	}
	b, err := lend(n)
	if err == nil {
		p.payload, p.head.Payload = b.l, b.l.ref(b.generation, uint64(n))
	}
	return b, err
}

// To sends the message to o. If it fails, nothing was sent, and it may be called again;
// otherwise it must not be called for o again.
func (c *Cast) To(o *Outbox) error { return c.to(o, false) }

// Give is To for an outbox that has no room for copies: buffers that were lent for o go to
// it as they are. A copy could wait for ever for the room that the buffer itself takes.
// last says that o is the last outbox; otherwise Give first copies the buffers in this
// process, for those that follow.
func (c *Cast) Give(o *Outbox, last bool) error {
	for i := range c.p.lent.N {
		if !last && c.kept[i] == nil && c.owns(o, i) {
			c.kept[i] = slices.Clone(c.p.bytes(i))
		}
	}
	return c.to(o, true)
}

// Owns reports whether a buffer of the message was lent for o.
func (c *Cast) Owns(o *Outbox) bool {
	for i := range c.p.lent.N {
		if c.owns(o, i) {
			return true
		}
	}
	return false
}

func (c *Cast) owns(o *Outbox, i int) bool {
	l, ok := c.p.lent.Item[i].(*lease)
	return ok && l.from == o.store
}

func (c *Cast) to(o *Outbox, gives bool) error {
	if err := NoPriority(c.t, o.Config); err != nil {
		return err
	}
	p := parcels.Get().(*parcel)
	own := p.scratch
	p.head, p.lent, p.scratch = c.p.head, c.p.lent, c.p.scratch
	p.cast, p.gives, p.kept, p.payload, p.urgent = true, gives, &c.kept, c.p.payload, c.p.urgent
	defer func() {
		p.scratch = own // the other one belongs to the cast
		p.free()
	}()
	if err := p.place(o); err != nil {
		return p.tooMuch(o.store, o.inline, err)
	}
	if err := o.post(p); err != nil {
		p.abandon(o.store, p.lent.N)
		mustLive(err)
		return err
	}
	return nil
}

// place finds the blocks of a cast's parcel for one outbox.
func (p *parcel) place(o *Outbox) error {
	s := o.store
	p.dry = s.Dry()
	if err := p.collect(s); err != nil {
		return err
	}
	switch {
	case p.payload != nil:
	case len(p.scratch) <= min(o.inline, o.entry-p.head.Header()):
		return nil
	default:
		b, err := s.takeFor(p, len(p.scratch))
		if err != nil {
			p.abandon(s, p.lent.N)
			return err
		}
		s.copy(b.Mem, p.scratch)
		p.block, p.head.Payload = b, b.Ref
	}
	p.head.Flags |= wire.FlagBlock
	return nil
}

// End ends the sender's share of the message's payload. If the message was sent to
// anybody, it also ends the sender's hold of the buffers that this process has lent, as
// Send does.
func (c *Cast) End(sent bool) {
	p := c.p
	if p.payload != nil {
		p.payload.end(p.head.Payload.Generation, p.head.Payload.Length)
	}
	for i := range p.lent.N {
		l, ok := p.lent.Item[i].(*lease)
		if !ok || !sent || l.view != nil {
			continue
		}
		if g, n := p.lent.Mark[i].Generation, p.lent.Mark[i].Length; l.set != nil {
			if l.leave(g) {
				l.set.tellFreed()
			}
		} else {
			l.end(g, n)
		}
	}
	p.free()
	c.p = nil
}

// Inline reports whether what m, a pointer, points to travels to o entirely in an entry,
// so that a block of a set would gain nothing.
func Inline(o *Outbox, t *codec.Type, m any) bool {
	if t.Flat() {
		return t.Size() <= o.inline
	}
	if t.Custom() || t.Lends() {
		return false
	}
	n, err := codec.Size(t, m)
	return err == nil && n <= o.inline
}

// EndShares ends the receiver's shares in the blocks of sets: the receiver is gone for
// good, and the supervisor has read what it left unread.
func (o *Outbox) EndShares() { o.store.EndShares(1<<64 - 1) }

// Shares reports whether the receiver has a share in blocks of sets.
func (o *Outbox) Shares() bool { return o.store.Shared() > 0 }

var _ segment.Sharer = (*lease)(nil)
