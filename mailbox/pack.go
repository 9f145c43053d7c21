package mailbox

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// parcel is an encoded message that has no entry yet: the header, and the payload in
// one of three places.
type parcel struct {
	head    wire.Entry
	scratch []byte                        // the encoded payload, if it is in no block
	block   segment.Block                 // the encoded payload, if head has FlagBlock and payload is nil
	lent    codec.Lent                    // what travels beside the payload
	blocks  [wire.MaxBlocks]segment.Block // the blocks of lent
	cast    bool                          // the message goes to others too: lent buffers stay the sender's
	gives   bool                          // of a cast: buffers that were lent for this receiver leave
	kept    *[wire.MaxBlocks][]byte       // of a cast: copies of buffers that have left
	payload *lease                        // of the encoded payload, if it is in a block of a set
	urgent  bool                          // the message is urgent
	freed   *Shared                       // a set of which a block came back before the send had ended
	dry     uint64                        // the pool's count of refusals before this message took a block, plus those of its own
}

var parcels = sync.Pool{New: func() any { return new(parcel) }}

func getParcel(kind uint8, t *codec.Type) *parcel {
	p := parcels.Get().(*parcel)
	p.head.Kind, p.head.Flags, p.head.N, p.head.Type = kind, 0, 0, uint64(t.ID())
	p.head.Ask, p.head.Deadline = 0, 0
	return p
}

func (p *parcel) free() {
	clear(p.lent.Item[:p.lent.N])
	clear(p.blocks[:p.lent.N])
	p.lent.N, p.lent.Copy = 0, nil
	p.block, p.cast, p.gives, p.kept, p.payload, p.urgent, p.freed = segment.Block{}, false, false, nil, nil, false, nil
	if cap(p.scratch) > 64<<10 {
		p.scratch = nil
	}
	parcels.Put(p)
}

// encode encodes a message that is not written straight into a reserved entry: one with
// marshalers of the user, which must not run under a lane's lock; one with lent buffers,
// whose number precedes the payload; a large one; or an urgent one. inline is the size of
// the largest payload that may stay in the entry, entry that of the largest entry,
// including its header. If encode fails, it has taken nothing.
func encode(p *parcel, s *store, t *codec.Type, m any, inline, entry int) (err error) {
	p.dry = s.Dry()
	if t.Custom() || t.Lends() {
		p.scratch, err = codec.Append(t, p.scratch[:0], m, &p.lent)
		if err != nil {
			return err
		}
		if err := p.collect(s); err != nil {
			return p.tooMuch(s, inline, err)
		}
		if len(p.scratch) <= min(inline, entry-p.head.Header()) {
			return nil
		}
		if p.block, err = s.takeFor(p, len(p.scratch)); err != nil {
			p.abandon(s, p.lent.N)
			return p.tooMuch(s, inline, err)
		}
		s.copy(p.block.Mem, p.scratch)
	} else {
		n, err := codec.Size(t, m)
		if err != nil {
			return err
		}
		if n <= min(inline, entry-p.head.Header()) {
			p.scratch, err = codec.Append(t, p.scratch[:0], m, nil)
			return err
		}
		if p.block, err = s.takeFor(p, n); err != nil {
			return err
		}
		p.lent.Copy = s.copy
		if b, err := codec.Append(t, p.block.Mem[:0:n], m, &p.lent); err != nil || len(b) != n {
			s.Put(p.block)
			return encodeError(t, n, len(b), err)
		}
	}
	p.head.Flags |= wire.FlagBlock
	p.head.Payload = p.block.Ref
	return nil
}

func encodeError(t *codec.Type, want, got int, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("mailbox: %s took %d bytes where %d were expected: it was changed while it was sent", t.Name(), got, want)
}

// tooMuch returns err, with which a block of s was refused, unless waiting for room would
// last for ever: a message holds all its blocks until it is sent. If these are more than s
// can lend, it returns a *transport.SizeError.
func (p *parcel) tooMuch(s *store, inline int, err error) error {
	if !errors.Is(err, ErrFull) {
		return err
	}
	var sizes []int
	if n := len(p.scratch); n > inline && p.payload == nil {
		sizes = append(sizes, n)
	}
	for i := range p.lent.N {
		switch l, ok := p.lent.Item[i].(*lease); {
		case !ok || p.shares(s, i):
		case p.own(s, i): // all of the block counts, however much of it is sent
			sizes = append(sizes, s.Asked(l.slot))
		default:
			sizes = append(sizes, int(p.lent.Mark[i].Length))
		}
	}
	return s.refusal(sizes, err)
}

// wasRefused records an error with which the pool has refused something to this message,
// and returns it. The pool has counted it if it is ErrFull.
func (p *parcel) wasRefused(err error) error {
	if errors.Is(err, ErrFull) {
		p.dry++
	}
	return err
}

// collect finds blocks of s for the buffers of the message: those lent by s or by a set of
// it are used as they are, others are copied.
func (p *parcel) collect(s *store) error {
	for i := range p.lent.N {
		l, ok := p.lent.Item[i].(*lease)
		if !ok {
			if err := s.files.open(); err != nil {
				p.abandon(s, i)
				return err
			}
			p.head.Lent[i] = wire.BlockRef{Segment: wire.FileSegment}
			continue
		}
		if mark := p.lent.Mark[i]; p.own(s, i) || p.shares(s, i) {
			p.blocks[i] = segment.Block{Ref: l.ref(mark.Generation, mark.Length), Slot: l.slot}
		} else {
			mem := p.bytes(i)
			if mem == nil { // another goroutine has sent or released it since
				p.abandon(s, i)
				panic(Buffer{l, mark.Generation, int(mark.Length)}.dead())
			}
			b, err := s.takeFor(p, len(mem))
			if err != nil {
				p.abandon(s, i)
				return err
			}
			s.copy(b.Mem, mem)
			p.blocks[i] = b
		}
		p.head.Lent[i] = p.blocks[i].Ref
	}
	p.head.N = uint8(p.lent.N)
	return nil
}

// bytes returns the contents of lent buffer i, or its copy if it has left; nil if it is
// dead.
func (p *parcel) bytes(i int) []byte {
	if p.kept != nil && p.kept[i] != nil {
		return p.kept[i]
	}
	l, mark := p.lent.Item[i].(*lease), p.lent.Mark[i]
	if !l.alive(mark.Generation) {
		return nil
	}
	return l.mem[:mark.Length]
}

// own reports whether item i is an unsent buffer of s that goes to no other receiver.
func (p *parcel) own(s *store, i int) bool {
	l, ok := p.lent.Item[i].(*lease)
	return ok && (!p.cast || p.gives) && l.from == s && l.is(p.lent.Mark[i].Generation, leaseWriting)
}

// shares reports whether item i is an unsent buffer of a set to which the receiver of s
// belongs.
func (p *parcel) shares(s *store, i int) bool {
	l, ok := p.lent.Item[i].(*lease)
	return ok && l.set != nil && l.is(p.lent.Mark[i].Generation, leaseWriting) && l.set.has(s)
}

// abandon gives back what a failed send had taken, for the first n items. Buffers stay
// with their sender, who may try again or release them. Senders that wait for a block are
// told only if one was refused meanwhile: this sender may be about to wait as well, and
// would wake itself, again and again.
func (p *parcel) abandon(s *store, n int) {
	back := false
	for i := range n {
		if p.blocks[i].Mem != nil { // a copy
			s.Pool.Put(p.blocks[i])
			back = true
		}
	}
	if p.head.Flags&wire.FlagBlock != 0 && p.payload == nil {
		s.Pool.Put(p.block)
		back = true
	}
	if back && s.Dry() != p.dry {
		s.contended.Add(1)
		s.tellFreed()
	}
}

// whole reports whether some part of p is larger than a block can be.
func (p *parcel) whole(s *store) bool {
	yes := p.head.Flags&wire.FlagBlock != 0 && p.head.Payload.Length > uint64(s.Largest())
	for i := range int(p.head.N) {
		ref := &p.head.Lent[i]
		yes = yes || ref.Segment != wire.FileSegment && ref.Length > uint64(s.Largest()) // a file's is a ticket
	}
	return yes
}

// packed reports whether the encoded payload is in scratch.
func (p *parcel) packed() bool { return p.head.Flags&wire.FlagBlock == 0 }
