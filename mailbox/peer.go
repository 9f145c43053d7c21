package mailbox

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Peer is one incarnation of a receiver as its asker sees it: the page with its replies,
// and the segments of the blocks of its replies.
type Peer struct {
	*lane.Peer
	out   *Outbox
	views segment.Views
	lacks sync.Map     // error by uint16: segments that this process could not map
	refs  atomic.Int32 // reference count: 1 while current, and 1 for each answer not yet decoded
	seen  uint64       // how many replies were read
}

// AddSegment maps a segment of reply blocks, or drops one. It takes ownership of file. If
// a limit of this process forbids the mapping, it fails with a *transport.LimitError, and
// so do the answers in that segment.
func (p *Peer) AddSegment(f *wire.Segment, file transport.File) error {
	if _, lacked := p.lacks.LoadAndDelete(f.ID); lacked && f.Blocks == 0 {
		return nil
	}
	err := addSegment(&p.views, f, file)
	if l := new(transport.LimitError); errors.As(err, &l) {
		p.lacks.Store(f.ID, err)
	}
	return err
}

// lacking returns err, the error of an answer whose segment is not mapped, or why the
// segment could not be mapped.
func (p *Peer) lacking(head *wire.Entry, err error) error {
	if !errors.Is(err, ErrNotAnnounced) {
		return err
	}
	why, lacked := any(nil), false
	if head.Flags&wire.FlagBlock != 0 {
		why, lacked = p.lacks.Load(head.Payload.Segment)
	}
	for i := 0; i < int(head.N) && !lacked; i++ {
		why, lacked = p.lacks.Load(head.Lent[i].Segment)
	}
	if lacked {
		return fmt.Errorf("mailbox: the answer cannot be read: %w", why.(error))
	}
	return err
}

func addSegment(v *segment.Views, f *wire.Segment, file transport.File) error {
	if f.Blocks == 0 {
		return v.Drop(f.ID)
	}
	return v.Add(f.ID, file, int(f.Size), int(f.Class), int(f.Blocks))
}

// Replies calls f for the slot of each reply since the last call. It returns false if any
// slot may have been answered.
func (p *Peer) Replies(f func(slot int)) bool { return p.Peer.Replies(&p.seen, f) }

// Retain keeps the page mapped until Free.
func (p *Peer) Retain() { p.refs.Add(1) }

// Free undoes one Retain, and reports whether nobody needs the page any more.
func (p *Peer) Free() bool { return p.refs.Add(-1) == 0 }

// Unused reports whether the page can be unmapped.
func (p *Peer) Unused() bool { return p.refs.Load() == 0 }

// Unmap unmaps the page. The segments follow when the last buffer of a reply
// has been released.
func (p *Peer) Unmap() {
	p.views.Close()
	p.out.mu.Lock() // so that no Commit is reading the page's state
	defer p.out.mu.Unlock()
	p.Peer.Close()
}

// release gives the block of a reply back. Those of a dead incarnation have nobody to go
// back to.
func (p *Peer) release(ref segment.BlockRef, _ telling) {
	o := p.out
	o.mu.Lock() // keeps both pages mapped
	defer o.mu.Unlock()
	if o.peer.Load() == p {
		p.views.Release(o.lane.Returns(), ref)
		if p.Page.State.Load()&transport.StateWantRoom != 0 {
			o.lane.Announce()
		}
	} else {
		p.views.Forget(ref)
	}
}

// took announces that this process will give back the lent buffers of an answer.
func (p *Peer) took(ask uint64) {
	o := p.out
	o.mu.Lock() // keeps the page mapped
	defer o.mu.Unlock()
	if o.peer.Load() == p {
		o.lane.Took(ask)
	}
}

// DecodeReply decodes the reply b of p into what r, a pointer, points to. Lent
// buffers in it stay with the caller until it releases them. A handler's error
// comes back as a *RemoteError.
func DecodeReply(p *Peer, b []byte, t *codec.Type, r any) error {
	var head wire.Entry
	payload, err := head.Parse(b)
	if err != nil {
		return err
	}
	if head.Kind == wire.EntryError {
		return parseRemoteError(payload)
	}
	if head.Kind != wire.EntryReply {
		return fmt.Errorf("mailbox: reply of kind %d", head.Kind)
	}
	if head.Type != uint64(t.ID()) {
		return mismatch(t, codec.ID(head.Type))
	}
	inline := len(payload)
	var in codec.Lent
	if head.N > 0 {
		if err := view(&in, &p.views, p, &head, leaseKept); err != nil {
			return p.lacking(&head, err)
		}
	}
	if head.Flags&wire.FlagBlock != 0 {
		ref := head.Payload
		if payload, err = p.views.View(ref); err != nil {
			unview(&in, &p.views, &head, err)
			return p.lacking(&head, err)
		}
		defer p.release(ref, tellNow)
	}
	if len(payload) >= bulky {
		spare.came(len(payload))
	}
	if err := codec.Decode(t, payload, r, &in); err != nil {
		endAll(&in)
		return err
	}
	if head.N > 0 {
		p.took(head.Ask)
	}
	p.count(&head, inline)
	return nil
}

// count adds a reply to the outbox's traffic.
func (p *Peer) count(head *wire.Entry, inline int) {
	o := p.out
	if head.Flags&wire.FlagBlock == 0 && head.N == 0 {
		o.replies.Add(1)
		o.replyBytes.Add(uint64(inline))
		return
	}
	o.largeReplies.Add(1)
	o.replyBytes.Add(uint64(inline))
	n := uint64(0)
	if head.Flags&wire.FlagBlock != 0 {
		n = head.Payload.Length
	}
	for i := range head.Lent[:head.N] {
		n += head.Lent[i].Length
	}
	o.largeReplyBytes.Add(n)
}

// view makes the leases of the blocks that head lists.
func view(in *codec.Lent, v *segment.Views, back viewer, head *wire.Entry, state uint64) error {
	for i := range int(head.N) {
		ref := head.Lent[i]
		if ref.Segment == wire.FileSegment {
			in.Item[i] = &received{err: errNoFiles}
			in.N++
			continue
		}
		h, err := v.Hold(ref)
		if err != nil {
			unview(in, v, head, err)
			return err
		}
		in.Item[i] = reading(h, ref, back, state)
		in.Mark[i] = codec.Mark{Generation: ref.Generation, Length: ref.Length}
		in.N++
	}
	return nil
}

// unview undoes view, which has failed with err. If err only says that a segment is on its
// way, the message will be looked at again, so the other blocks are not given back: their
// owner would write into them.
func unview(in *codec.Lent, v *segment.Views, head *wire.Entry, err error) {
	if !errors.Is(err, segment.ErrUnknownSegment) {
		endAll(in)
		return
	}
	for i := range in.N {
		if l, ok := in.Item[i].(*lease); ok {
			g := in.Mark[i].Generation
			_ = l.move(g, leaseReading, leaseOver) || l.move(g, leaseKept, leaseOver)
			v.Forget(head.Lent[i])
		}
		in.Item[i] = nil
	}
	in.N = 0
}

func endAll(in *codec.Lent) {
	for i := range in.N {
		switch x := in.Item[i].(type) {
		case *lease:
			x.end(in.Mark[i].Generation, in.Mark[i].Length)
		case *received:
			x.handlerReturned()
		}
	}
	in.N = 0
}

func mismatch(t *codec.Type, got codec.ID) error {
	if got.Name() == t.ID().Name() {
		return fmt.Errorf("mailbox: %w", &codec.MismatchError{Type: t, Got: got})
	}
	return fmt.Errorf("mailbox: message of type %#x where %s is expected", uint64(got), t.Name())
}
