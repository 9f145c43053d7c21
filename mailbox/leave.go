package mailbox

import (
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// claim makes the buffers that leave with the message dead for their sender. It fails
// with ErrBufferDead if one is dead already, because another goroutine has sent or
// released it since the message was encoded. If it fails, it has claimed nothing.
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

// unclaim undoes claim for the first n items.
func (p *parcel) unclaim(s *store, n int) {
	for i := range n {
		if p.leaves(s, i) {
			p.lent.Item[i].(*lease).move(p.lent.Mark[i].Generation, leaseSent, leaseWriting)
		}
	}
}

// leaves reports whether item i is a buffer that leaves its sender with this message,
// without being copied.
func (p *parcel) leaves(s *store, i int) bool {
	l, ok := p.lent.Item[i].(*lease)
	return ok && (l.from == s && (!p.cast || p.gives) || l.set != nil && !p.cast) && p.blocks[i].Mem == nil
}

// leaving claims the buffers of a message that is about to become visible and records its
// blocks, which the receiver may give back at once. If it fails, it has recorded nothing.
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

// share gives the receiver its shares in the blocks of sets.
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

// stayed undoes leaving for a message that did not become visible: a queue in the kernel
// may turn out to be full only at the end. A block that cannot be recalled is lost to its
// owner, who can neither send it again nor give it back.
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

// Discard gives back the buffers of what m points to, as if it had been sent. It is for a
// message that is dropped although its sender is told that it was sent, and for an answer
// that could not be sent, whose handler has returned.
func Discard(t *codec.Type, m any) {
	if !t.Lends() {
		return
	}
	p := getParcel(wire.EntryTell, t)
	defer p.free()
	p.scratch, _ = codec.Append(t, p.scratch[:0], m, &p.lent)
	p.endLent()
}

// endLent gives back the buffers that this process has lent for another lane, of which
// only a copy left with the message. Received buffers still belong to their handler. No
// outbox may be locked.
func (p *parcel) endLent() {
	for i := range p.lent.N {
		if l, ok := p.lent.Item[i].(*lease); ok && l.view == nil {
			l.end(p.lent.Mark[i].Generation, p.lent.Mark[i].Length)
		}
	}
}

// sent ends the sender's share in the blocks of sets that have left.
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

// leave makes a lending dead for its sender, and reports whether that has freed a block
// of a set, because its receivers have given theirs back before.
func (l *lease) leave(generation uint32) (freed bool) {
	return l.move(generation, leaseWriting, leaseSent) && l.set != nil && l.ownEnds(generation)
}
