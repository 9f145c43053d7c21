package mailbox

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// parcel is a message between encoding and its entry: the header, and the
// payload in one of three places.
type parcel struct {
	head    wire.Entry
	scratch []byte                        // payload, already encoded
	block   segment.Block                 // payload, already encoded, when head says FlagBlock
	lent    codec.Lent                    // what travels beside the payload
	blocks  [wire.MaxBlocks]segment.Block // the blocks of lent
	cast    bool                          // it goes to others too: lent buffers stay the sender's
	gives   bool                          // of a cast: what was lent for this one leaves
	kept    *[wire.MaxBlocks][]byte       // of a cast: the bytes of buffers that have left
	payload *lease                        // of the payload, when that is in a block of a set
	urgent  bool                          // it overtakes
	freed   *Shared                       // a block of it came back before the message was sent to its end
	dry     uint64                        // how often a block had been refused before any was taken for this message, and it was itself
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

// encode runs the encoding of messages that are not written straight into a
// reserved entry: those with marshalers of the user, which must not run under
// a lane's lock, those with lent buffers, whose number stands before them, large
// ones and urgent ones. inline is the largest payload that may stay in the entry, and
// entry the most that an entry has room for, its header included. When it
// fails, it has taken nothing.
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

// tooMuch is err, with which a block of s was refused, or the *transport.SizeError of a
// message that would wait for ever for ErrFull to end: the blocks that it needs, all of
// which it has until it is sent, are more than s can lend.
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
		case p.own(s, i): // however much of it is sent
			sizes = append(sizes, s.Asked(l.slot))
		default:
			sizes = append(sizes, int(p.lent.Mark[i].Length))
		}
	}
	return s.refusal(sizes, err)
}

// collect turns the buffers of the message into blocks of s: its own as they
// are, those of another lane by a copy.
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
			if mem == nil { // another goroutine was quicker
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

// bytes is what lent buffer i has, or had when it left; nil when it is dead.
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

// own says whether item i is a buffer of s that has not been sent, and goes to
// nobody else.
func (p *parcel) own(s *store, i int) bool {
	l, ok := p.lent.Item[i].(*lease)
	return ok && (!p.cast || p.gives) && l.from == s && l.is(p.lent.Mark[i].Generation, leaseWriting)
}

// shares says whether item i is a buffer of a set that the receiver of s
// belongs to.
func (p *parcel) shares(s *store, i int) bool {
	l, ok := p.lent.Item[i].(*lease)
	return ok && l.set != nil && l.is(p.lent.Mark[i].Generation, leaseWriting) && l.set.has(s)
}

// abandon gives back what a send that failed had taken. Buffers stay with
// their sender, who may try again or release them. Senders that wait for a block are
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

// claim makes the buffers that leave with the message dead for their sender. It fails
// with ErrBufferDead when one is dead already: another goroutine has sent it, or has
// released it, since it was encoded. When it fails, it has claimed nothing.
func (p *parcel) claim(s *store) error {
	for i := range p.lent.N {
		if !p.leaves(s, i) {
			continue
		}
		l, mark := p.lent.Item[i].(*lease), p.lent.Mark[i]
		if !l.move(mark.Generation, leaseWriting, leaseSent) {
			p.unclaim(s, i)
			return Buffer{l, mark.Generation, int(mark.Length)}.dead()
		}
	}
	return nil
}

// unclaim undoes claim for the first n items: they are the sender's again.
func (p *parcel) unclaim(s *store, n int) {
	for i := range n {
		if p.leaves(s, i) {
			p.lent.Item[i].(*lease).move(p.lent.Mark[i].Generation, leaseSent, leaseWriting)
		}
	}
}

// leaves says whether item i is a buffer that leaves with the message as it is, and
// goes to nobody else.
func (p *parcel) leaves(s *store, i int) bool {
	l, ok := p.lent.Item[i].(*lease)
	return ok && (l.from == s && (!p.cast || p.gives) || l.set != nil && !p.cast) && p.blocks[i].Mem == nil
}

// leaving records the blocks of a message that is about to become visible, and claims
// its buffers: the receiver may give them back at once. When it fails, it has recorded
// nothing.
func (p *parcel) leaving(s *store, seq uint64) error {
	if err := p.claim(s); err != nil {
		return err
	}
	if err := p.share(s, seq); err != nil {
		p.unclaim(s, p.lent.N)
		return err
	}
	if p.head.Flags&wire.FlagBlock != 0 && p.payload == nil {
		s.lent(p.block, seq)
	}
	for i := range p.lent.N {
		if l, ok := p.lent.Item[i].(*lease); ok && (l.set == nil || p.blocks[i].Mem != nil) {
			s.lent(p.blocks[i], seq)
		}
	}
	return nil
}

// share gives the receiver its part in the blocks of sets.
func (p *parcel) share(s *store, seq uint64) error {
	if p.payload != nil {
		if err := p.payload.share(s, p.head.Payload.Generation, p.head.Payload.Length, seq); err != nil {
			return p.wasRefused(err)
		}
	}
	for i := range p.lent.N {
		l, ok := p.lent.Item[i].(*lease)
		if !ok || l.set == nil || p.blocks[i].Mem != nil {
			continue
		}
		if err := l.share(s, p.lent.Mark[i].Generation, p.lent.Mark[i].Length, seq); err != nil {
			p.unshare(s, i)
			return p.wasRefused(err)
		}
	}
	return nil
}

// wasRefused is err, with which the pool has refused something to the message: unless it
// is another one than ErrFull, the pool has counted it.
func (p *parcel) wasRefused(err error) error {
	if errors.Is(err, ErrFull) {
		p.dry++
	}
	return err
}

// unshare undoes share for the payload and the first n items.
func (p *parcel) unshare(s *store, n int) {
	if p.payload != nil {
		s.Unshare(p.head.Payload)
	}
	for i := range n {
		if l, ok := p.lent.Item[i].(*lease); ok && l.set != nil && p.blocks[i].Mem == nil {
			s.Unshare(p.blocks[i].Ref)
		}
	}
}

// stayed undoes leaving for a message that did not become visible: a queue in
// the kernel says only then that it is full. A block that is lost has no owner
// who could send it again or give it back.
func (p *parcel) stayed(s *store) {
	p.unshare(s, p.lent.N)
	if p.head.Flags&wire.FlagBlock != 0 && p.payload == nil && !s.recall(p.block) {
		p.head.Flags &^= wire.FlagBlock
	}
	for i := range p.lent.N {
		l, ok := p.lent.Item[i].(*lease)
		if !ok {
			continue
		}
		if l.set != nil && p.blocks[i].Mem == nil || s.recall(p.blocks[i]) {
			if p.leaves(s, i) {
				l.move(p.lent.Mark[i].Generation, leaseSent, leaseWriting)
			}
			continue
		}
		p.blocks[i] = segment.Block{}
	}
}

// Discard gives back the buffers of what m points to, which is not sent and whose sender
// is told that it was, or an answer that could not be sent, whose handler has returned:
// they are dead for him.
func Discard(t *codec.Type, m any) {
	if !t.Lends() {
		return
	}
	p := getParcel(wire.EntryTell, t)
	defer p.free()
	p.scratch, _ = codec.Append(t, p.scratch[:0], m, &p.lent)
	p.endLent()
}

// endLent gives back the buffers that this process has lent and that did not leave
// with the message: for another lane, of which a copy left. Those that it has received
// are their handler's still. No outbox may be locked.
func (p *parcel) endLent() {
	for i := range p.lent.N {
		if l, ok := p.lent.Item[i].(*lease); ok && l.view == nil {
			l.end(p.lent.Mark[i].Generation, p.lent.Mark[i].Length)
		}
	}
}

// sent ends the sender's part in the blocks of sets that have left.
func (p *parcel) sent(s *store) {
	for i := range p.lent.N {
		if !p.leaves(s, i) {
			continue
		}
		if l := p.lent.Item[i].(*lease); l.set != nil && l.ownEnds(p.lent.Mark[i].Generation) {
			p.freed = l.set
		}
	}
}

// leave makes a lending dead for its sender, and says whether that has freed a block
// of a set: its receivers were quicker.
func (l *lease) leave(generation uint32) (freed bool) {
	return l.move(generation, leaseWriting, leaseSent) && l.set != nil && l.ownEnds(generation)
}
