package mailbox

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// ErrFull says that there is no room for a message now, in the queue or in the blocks.
// The mailbox's policy decides what happens then.
var ErrFull = transport.ErrFull

// Outbox is this process's sending end to one mailbox.
type Outbox struct {
	Config wire.Mailbox

	mu      sync.Mutex // orders the senders of this process, and guards lane's sending half and closed
	lane    *lane.Out
	inline  int // bytes of the largest payload that travels in an entry
	entry   int // bytes of the largest entry
	store   *store
	sharing Sharing
	closed  bool                 // lane is unmapped
	peer    atomic.Pointer[Peer] // the receiver's incarnation
	small   uint64               // messages with inline payload
	large   uint64               // messages with a payload in a block or lent buffers
	lent    uint64               // of the large ones, those with lent buffers or files
	whole   uint64               // of the large ones, those with a segment of their own
	wants   atomic.Int32         // senders that wait for a block
	bytes   uint64               // inline payload bytes

	lentBytes uint64 // of buffers that tellLent has sent

	replies, replyBytes, largeReplies, largeReplyBytes atomic.Uint64 // that were decoded here
}

// NewOutbox returns the outbox over l, to a mailbox that cfg describes.
func NewOutbox(cfg wire.Mailbox, l *lane.Out, s Sharing) *Outbox {
	return &Outbox{
		Config:  cfg,
		lane:    l,
		inline:  min(int(cfg.Inline), l.MaxEntry()-wire.PlainHeader(wire.EntryAsk)),
		entry:   l.MaxEntry(),
		store:   newStore(cfg, "blocks", 0, s),
		sharing: s,
	}
}

// Send sends what m, a pointer, points to. When it returns nil, the message is visible in
// the mailbox. With an error nothing was sent, and lent buffers stay with the caller. kind
// is one of the Entry constants of package wire; ask and deadline are for asks.
//
// Send does not block, except for a short lock and, once in a while, until the supervisor
// holds a new segment.
func Send(o *Outbox, kind uint8, ask uint64, deadline int64, t *codec.Type, m any) error {
	if t.Plain() && t.Size() <= o.inline {
		return o.sendFlat(kind, uint64(t.ID()), ask, deadline, codec.Bytes(t, m))
	}
	if t.Urgent() {
		if err := NoPriority(t, o.Config); err != nil {
			return err
		}
		return sendParcel(o, kind, ask, deadline, t, m)
	}
	if !t.Custom() && !t.Lends() {
		n, err := codec.Size(t, m)
		if err != nil {
			return err
		}
		if n <= o.inline {
			return sendInline(o, kind, ask, deadline, t, m, n)
		}
	}
	return sendParcel(o, kind, ask, deadline, t, m)
}

// sendParcel sends a message that is not encoded straight into a reserved entry.
func sendParcel(o *Outbox, kind uint8, ask uint64, deadline int64, t *codec.Type, m any) error {
	p := getParcel(kind, t)
	defer p.free()
	p.head.Ask, p.head.Deadline, p.urgent = ask, deadline, t.Urgent()
	if err := encode(p, o.store, t, m, o.inline, o.entry); err != nil {
		return err
	}
	if err := o.post(p); err != nil {
		p.abandon(o.store, p.lent.N)
		mustLive(err)
		return err
	}
	if p.freed != nil {
		p.freed.tellFreed()
	}
	p.endLent()
	return nil
}

// sendFlat copies a value without pointers into a reserved entry. Nothing in it can
// panic, so the lock needs no defer.
func (o *Outbox) sendFlat(kind uint8, typ, ask uint64, deadline int64, value []byte) error {
	h := wire.PlainHeader(kind)
	o.mu.Lock()
	b, err := o.lane.Reserve(h + len(value))
	if err == nil {
		wire.PutPlain(b, kind, typ, ask, deadline)
		copy(b[h:], value)
		if err = o.lane.Commit(); err == nil {
			o.small++
			o.bytes += uint64(len(value))
		}
	}
	o.mu.Unlock()
	return err
}

// sendInline encodes straight into a reserved entry.
func sendInline(o *Outbox, kind uint8, ask uint64, deadline int64, t *codec.Type, m any, n int) error {
	h := wire.PlainHeader(kind)
	o.mu.Lock()
	defer o.mu.Unlock()
	b, err := o.lane.Reserve(h + n)
	if err != nil {
		return err
	}
	wire.PutPlain(b, kind, uint64(t.ID()), ask, deadline)
	if b, err := codec.Append(t, b[h:h:h+n], m, nil); err != nil || len(b) != n {
		return encodeError(t, n, len(b), err)
	}
	if err := o.lane.Commit(); err != nil {
		return err
	}
	o.small++
	o.bytes += uint64(n)
	return nil
}

// post writes the entry of a parcel.
func (o *Outbox) post(p *parcel) error {
	var inline []byte
	if p.packed() {
		inline = p.scratch
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.urgent {
		o.lane.Urgent(true)
		defer o.lane.Urgent(false)
	}
	h := p.head.Header()
	b, err := o.lane.Reserve(h + len(inline))
	if err != nil {
		return err
	}
	// The ledger comes before the entry: its locked instructions wait for all earlier
	// stores, and the entry's cache lines may have to come from the receiver's cache.
	if err := p.leaving(o.store, o.lane.Next()); err != nil {
		return err
	}
	// The files come before the entry: a file that no entry names is closed in the
	// end, but an entry must not name files that never come.
	if err := o.store.files.put(p, o.lane); err != nil {
		p.stayed(o.store)
		return err
	}
	p.head.Put(b)
	copy(b[h:], inline)
	if err := o.lane.Commit(); err != nil {
		p.stayed(o.store)
		return err
	}
	p.sent(o.store)
	if !p.packed() || p.head.N > 0 {
		o.large++
		if p.head.N > 0 {
			o.lent++
		}
		if p.whole(o.store) {
			o.whole++
		}
	} else {
		o.small++
	}
	o.bytes += uint64(len(inline))
	return nil
}

// Lend lends a buffer of n bytes that can be filled and sent in a message of this
// outbox. ErrFull means that all blocks are lent.
func (o *Outbox) Lend(n int) (Buffer, error) {
	if n < 0 {
		return Buffer{}, fmt.Errorf("mailbox: Lend of %d bytes", n)
	}
	return o.store.lend(n)
}

// Load returns how much of what was sent here has not been handled, including the
// message in hand: in messages, or in cells if the queue is a ring. It is a hint from the
// receiver's page, and costs reading a word of that.
func (o *Outbox) Load() uint64 {
	o.mu.Lock() // keeps the page mapped
	defer o.mu.Unlock()
	if o.closed {
		return 0
	}
	return o.lane.Load()
}

// WantRoom tells the receiver whether somebody here waits for room.
func (o *Outbox) WantRoom(yes bool) { o.say(transport.StateWantRoom, yes) }

// Trim retires the segment of a payload over PoolBytes, if the receiver has dealt with
// it, and reports whether no such segment is left. It may wait for the supervisor. After
// WantRoom(true), the receiver announces that it has given blocks back.
func (o *Outbox) Trim() (none bool) {
	none, err := o.store.Trim()
	return none || err != nil // err: the supervisor has ended
}

// Hurry tells the receiver whether somebody here has waited for room for long.
func (o *Outbox) Hurry(yes bool) { o.say(transport.StateHurry, yes) }

// say sets or clears a bit of the state that the receiver reads.
func (o *Outbox) say(bit uint32, yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case yes:
		o.lane.Sleep().State.Or(bit)
	default:
		o.lane.Sleep().State.And(^bit)
	}
}

// Install makes the page of a new incarnation of the receiver current. All replies in
// the old page must have been read. It returns the old page for the caller to Free.
func (o *Outbox) Install(lp *lane.Peer, at transport.Place) (old *Peer) {
	p := &Peer{Peer: lp, out: o}
	p.views.Form, p.views.Policy = segment.Form(o.Config.Segment), segment.Policy(o.Config.Blocks)
	p.refs.Store(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.store.SwitchAt(lp.Page.Returns, at)
	old = o.peer.Swap(p)
	o.lane.Install(lp, at.Seq)
	return old
}

// Peer returns the receiver's incarnation whose page is current, or nil.
func (o *Outbox) Peer() *Peer { return o.peer.Load() }

// Cancel tells the receiver that the ask in slot was given up.
func (o *Outbox) Cancel(slot int, ask uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.lane.Cancel(slot, ask)
	}
}

// Sleep returns where this process tells the receiver that it sleeps.
func (o *Outbox) Sleep() transport.Sleep { return o.lane.Sleep() }

// Shut makes every further send fail with transport.ErrClosed. When it returns, no send
// is under way: the lane's tail is final.
func (o *Outbox) Shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lane.Shut()
}

// End frees what this process holds of an outbox that was shut, except for the page with
// the receiver's last replies, if there is one, which it returns for the caller to Free.
// Nobody may wait on the outbox's words any more.
func (o *Outbox) End() *Peer {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.peer.Swap(nil)
	o.lane.Detach()
	o.close()
	return p
}

// Close frees what this process holds. What was sent stays for the receiver.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.peer.Swap(nil); p != nil {
		p.views.Close()
	}
	o.close()
}

func (o *Outbox) close() {
	if o.closed {
		return
	}
	o.closed = true
	o.lane.Shut()       // a late sender gets ErrClosed and does not touch unmapped memory
	_ = o.store.Close() // blocks in a sender's hands stay mapped until they are put back
	o.store.files.close()
	o.lane.Close()
}
