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

// ErrFull says that there is no room for a message now, in the queue or in the
// blocks. What happens then is the mailbox's policy.
var ErrFull = transport.ErrFull

// Outbox is this process's way into one mailbox.
type Outbox struct {
	Config wire.Mailbox

	mu      sync.Mutex // orders the senders of this process, and guards lane's sending half and closed
	lane    *lane.Out
	inline  int // largest payload of a message without blocks in an entry, bytes
	entry   int // largest entry, bytes
	store   *store
	sharing Sharing
	closed  bool                 // lane is unmapped
	peer    atomic.Pointer[Peer] // the receiver's incarnation
	small   uint64               // messages with inline payload
	large   uint64               // messages with a payload in a block or lent buffers
	lent    uint64               // of these, with lent buffers or files
	whole   uint64               // and with a segment of its own
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

// Send sends what m, a pointer, points to: when it returns nil, the message is
// visible in the mailbox. With ErrFull nothing was sent, and lent buffers stay
// with the caller. kind is one of the wire's Entry constants; ask and deadline
// go with asks.
//
// It does not block, except for a short lock and, once in a while, for the
// supervisor's hold of a new segment.
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

// sendParcel sends what is not written straight into a reserved entry.
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

// sendFlat copies a value without pointers into the reserved entry. Nothing in
// it can panic, so that the lock needs no defer.
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

// sendInline encodes straight into the reserved entry.
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
	// The books before the entry: their locks wait for what was stored before,
	// and the entry's lines may have to come from the receiver's cache.
	if err := p.leaving(o.store, o.lane.Next()); err != nil {
		return err
	}
	// Before the entry: a file that nobody reads of is closed, an entry whose
	// files never came would be a lie.
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

// whole says whether something of p is over what a block can have.
func (p *parcel) whole(s *store) bool {
	yes := p.head.Flags&wire.FlagBlock != 0 && p.head.Payload.Length > uint64(s.Largest())
	for i := range int(p.head.N) {
		ref := &p.head.Lent[i]
		yes = yes || ref.Segment != wire.FileSegment && ref.Length > uint64(s.Largest()) // a file's is a ticket
	}
	return yes
}

// packed says whether the payload stands in scratch.
func (p *parcel) packed() bool { return p.head.Flags&wire.FlagBlock == 0 }

// Lend makes a buffer of n bytes that can be filled and sent in a message of
// this outbox. ErrFull says that all blocks are lent.
func (o *Outbox) Lend(n int) (Buffer, error) {
	if n < 0 {
		return Buffer{}, fmt.Errorf("mailbox: Lend of %d bytes", n)
	}
	return o.store.lend(n)
}

// Load is how much of what went out here has not been handled, the message in
// hand included: messages, or cells if the queue is a ring. It is a hint, by the
// word of the receiver's page, and costs a load of it.
func (o *Outbox) Load() uint64 {
	o.mu.Lock() // the page stays mapped
	defer o.mu.Unlock()
	if o.closed {
		return 0
	}
	return o.lane.Load()
}

// WantRoom says to the receiver that somebody here waits for room, or no
// longer does.
func (o *Outbox) WantRoom(yes bool) { o.say(transport.StateWantRoom, yes) }

// Trim takes the segment of a payload over the pool back, if the receiver has
// dealt with it, and reports whether none is left. It may wait for the
// supervisor. Somebody has to have said WantRoom: then the receiver tells when
// it gives blocks back.
func (o *Outbox) Trim() (none bool) {
	none, err := o.store.Trim()
	return none || err != nil // the supervisor has ended
}

// Hurry says to the receiver that somebody here has waited for room for long,
// or no longer does.
func (o *Outbox) Hurry(yes bool) { o.say(transport.StateHurry, yes) }

// say sets or clears a bit of what this process says to the receiver.
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

// Install makes the page of a new incarnation of the receiver current. Replies
// in the old page must have been looked at. The old one is returned for the
// caller to Free.
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

// Peer is the receiver's incarnation whose page is current, or nil.
func (o *Outbox) Peer() *Peer { return o.peer.Load() }

// Cancel tells the receiver that the ask in slot was given up.
func (o *Outbox) Cancel(slot int, ask uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.lane.Cancel(slot, ask)
	}
}

// Sleep is where this process says that it sleeps.
func (o *Outbox) Sleep() transport.Sleep { return o.lane.Sleep() }

// Traffic counts what a process has sent and was answered, and what of that came to
// nothing without an error that says so.
type Traffic struct {
	Small, Large                uint64 // messages by queue alone; with a segment
	Lent                        uint64 // of Large, with lent buffers or files; the others were encoded into a block
	Whole                       uint64 // of Large, in a segment of exactly its size
	SmallBytes, LargeBytes      uint64 // their payload bytes
	Replies, LargeReplies       uint64 // answers, likewise
	ReplyBytes, LargeReplyBytes uint64
	Dry                         uint64 // times that the blocks ran out
	Dropped                     uint64 // messages that were not sent: the mailbox was full, and its policy is Drop
	Late                        uint64 // answers that came when their asker had given up, as far as it has seen them
	Skipped                     uint64 // asks of this process's actor that it did not handle: the asker had given up, or the deadline had passed
}

// Add adds x to t.
func (t *Traffic) Add(x Traffic) {
	t.Small += x.Small
	t.Large += x.Large
	t.Lent += x.Lent
	t.Whole += x.Whole
	t.SmallBytes += x.SmallBytes
	t.LargeBytes += x.LargeBytes
	t.Replies += x.Replies
	t.LargeReplies += x.LargeReplies
	t.ReplyBytes += x.ReplyBytes
	t.LargeReplyBytes += x.LargeReplyBytes
	t.Dry += x.Dry
	t.Dropped += x.Dropped
	t.Late += x.Late
	t.Skipped += x.Skipped
}

// Traffic reports what was sent.
func (o *Outbox) Traffic() Traffic {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Traffic{Small: o.small, Large: o.large, Lent: o.lent, Whole: o.whole, SmallBytes: o.bytes, LargeBytes: o.lentBytes + o.store.sent.Load(), Dry: o.store.Dry(),
		Replies: o.replies.Load(), ReplyBytes: o.replyBytes.Load(), LargeReplies: o.largeReplies.Load(), LargeReplyBytes: o.largeReplyBytes.Load()}
}

// Shut makes every further send fail with transport.ErrClosed. When it returns,
// none is on its way: the lane's tail is final.
func (o *Outbox) Shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lane.Shut()
}

// End frees what this process holds of an outbox that was shut, but for the
// page with the receiver's last replies: that is returned, or nil, for the
// caller to Free. Nobody waits at the outbox's words any more.
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
	o.lane.Shut()       // who comes late finds it closed, and no memory gone
	_ = o.store.Close() // blocks in somebody's hands stay mapped until they are put
	o.store.files.close()
	o.lane.Close()
}
