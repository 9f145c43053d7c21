package mailbox

import (
	"runtime"
	"sync"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Inbox is the part of a mailbox that one sender fills, as one incarnation of the
// receiver reads it.
type Inbox struct {
	From wire.Addr
	Name string // of the sender

	lane    *lane.In
	ring    *ring.Receiver // the lane's queue, if it is a ring
	views   segment.Views  // the sender's blocks
	files   filesIn
	replies *store             // blocks for replies
	answers answers            // the answers that have such blocks
	quarter int                // after how many bytes of handled entries their room is given back
	owed    bool               // there are handled messages whose room was not given back
	lent    int                // messages with a lent buffer that Run has handled since the last call of Lent
	later   []segment.BlockRef // blocks to give back together; used by the receiving goroutine only
	mu      sync.Mutex         // guards closed, and orders the return of blocks
	closed  bool
}

// ErrNotAnnounced says that an entry names a segment that has not arrived yet. The
// supervisor holds it, so it is on its way.
var ErrNotAnnounced = segment.ErrUnknownSegment

// NewInbox returns the inbox over l. first is a number that differs between incarnations
// of this process: by it, late returns of an earlier one's blocks are recognized.
func NewInbox(name string, cfg wire.Mailbox, l *lane.In, first uint32, s Sharing) *Inbox {
	b := &Inbox{
		From: l.From, Name: name, lane: l, ring: l.Ring(),
		quarter: max(int(cfg.RingBytes/4), 64),
		replies: newStore(cfg, "replies", first, s),
	}
	b.views.Form, b.views.Policy = segment.Form(cfg.Segment), segment.Policy(cfg.Blocks)
	b.replies.Switch(l.SenderReturns(), 0)
	return b
}

// AddSegment maps a segment of the sender's blocks, or drops one. It takes ownership of
// file.
func (b *Inbox) AddSegment(f *wire.Segment, file transport.File) error {
	return addSegment(&b.views, f, file)
}

// Message is the message in hand. It is reused for the next one.
type Message struct {
	Head  wire.Entry
	Box   *Inbox
	entry transport.Entry
	body  []byte // payload
	lent  codec.Lent
	block bool // the payload's block is to be released
	ready bool // entry has been taken and is not done
}

// Type returns the identity of the message's type.
func (m *Message) Type() codec.ID { return codec.ID(m.Head.Type) }

// Body returns the payload, which is valid until Done.
func (m *Message) Body() []byte { return m.body }

// Size returns the payload's size in bytes.
func (m *Message) Size() int { return len(m.body) }

// Seq returns the message's sequence in its lane.
func (m *Message) Seq() uint64 { return m.entry.Seq }

// Attempt returns how many earlier incarnations died with this message in hand.
func (m *Message) Attempt() int { return m.Box.lane.Attempt(m.entry.Seq) }

// Next takes the oldest message into m and records that it is in hand. It fails with
// transport.ErrEmpty if there is none, and with ErrNotAnnounced if it must be called
// again later. Any other error means that the sender broke the rules and the lane is
// dead.
func (b *Inbox) Next(m *Message) error {
	before := m.entry.End
	if !m.ready {
		if err := b.lane.Take(&m.entry); err != nil {
			if err != transport.ErrEmpty {
				b.settled(before)
			}
			return err
		}
		m.Box, m.ready = b, true
		body, plain := m.Head.ParseTell(m.entry.Bytes)
		if plain {
			m.body = body
			b.lane.Begin(m.entry.Seq)
			return nil
		}
		err := m.parse()
		if err != nil {
			b.settled(before)
			return err
		}
	}
	err := b.attach(m)
	if err != nil {
		b.settled(before)
	}
	return err
}

// parse reads the header of m's entry.
func (m *Message) parse() (err error) {
	if m.body, err = m.Head.Parse(m.entry.Bytes); err != nil {
		return err
	}
	if m.Head.Kind != wire.EntryTell && m.Head.Kind != wire.EntryAsk {
		return &transport.CorruptError{What: "entry kind", Value: uint64(m.Head.Kind), Limit: wire.EntryAsk}
	}
	return nil
}

// settled records that all entries before end are dealt with, and gives their room
// back. It is called when it may be long until the next message is in hand.
func (b *Inbox) settled(end uint64) {
	if b.owed {
		b.owed = false
		b.lane.End(end)
		b.lane.Release()
	}
}

// attach finds the blocks and files of m, and records that m is in hand. If it fails, no
// block of the sender is in view.
func (b *Inbox) attach(m *Message) error {
	if m.Head.Flags&wire.FlagBlock != 0 && !m.block {
		v, err := b.views.View(m.Head.Payload)
		if err != nil {
			return err
		}
		m.body, m.block = v, true
	}
	if m.Head.N > 0 && m.lent.N == 0 {
		err := b.files.ready(&m.Head)
		if err == nil {
			err = view(&m.lent, &b.views, b, &m.Head, leaseReading)
		}
		if err != nil {
			if m.block {
				m.block = false
				b.views.Forget(segment.BlockRef(m.Head.Payload))
			}
			return err
		}
	}
	b.lane.Begin(m.entry.Seq)
	if m.lent.N > 0 {
		// The message is in hand already: if this process dies from here on, the
		// supervisor knows that the files may be gone.
		b.files.take(m)
	}
	return nil
}

// Decode decodes m into what v, a pointer, points to. The result shares memory with the
// mailbox only in its lent buffers and in any codec.View, which is valid until Done.
func Decode(m *Message, t *codec.Type, v any) error {
	if m.lent.N == 1 {
		if buf, ok := codec.DecodeBeside(t, m.body, v).(*Buffer); ok {
			if l, ok := m.lent.Item[0].(*lease); ok {
				*buf = Buffer{l: l, generation: m.lent.Mark[0].Generation, n: int(m.lent.Mark[0].Length)}
				runtime.KeepAlive(v)
				return nil
			}
		}
	}
	m.lent.Views = t.Views()
	if len(m.body) >= bulky && !m.lent.Views {
		spare.came(len(m.body))
	}
	err := codec.Decode(t, m.body, v, &m.lent)
	if err != nil && m.lent.N > 0 {
		untaken(&m.lent)
	}
	return err
}

// Done records that m has been dealt with: its blocks go back, except for buffers that
// are kept, and its room becomes free with the next Flush.
func (b *Inbox) Done(m *Message) {
	if m.Head.Flags&wire.FlagBlock != 0 || m.Head.N > 0 {
		// First End: a message that may yet be handled again must still have its blocks.
		b.lane.End(m.entry.End)
		b.giveBack(m, tellNow)
	}
	m.ready, b.owed = false, true
	b.lane.Done()
	if b.lane.Unreleased() >= b.quarter || b.lane.Hurried() {
		b.Flush(m)
	}
}

// Settle records that everything up to and including m, the message that was done last,
// is dealt with. The room is given back later, together with more, so that a sender that
// waits for room is not woken for a little of it.
func (b *Inbox) Settle(m *Message) { b.lane.End(m.entry.End) }

// Flush is Settle, and also gives the room back. It is called when the lane has been
// read to its end, and from time to time before that.
func (b *Inbox) Flush(m *Message) { b.settled(m.entry.End) }

// More reports whether Next would find a message without reading the sender's words.
func (b *Inbox) More() bool { return b.lane.More() }

// Published returns the sequence after the sender's last entry.
func (b *Inbox) Published() uint64 { return b.lane.Published() }

// ReadTo returns the sequence after the last entry that was taken.
func (b *Inbox) ReadTo() uint64 { return b.lane.ReadTo() }

// Pending reports whether there is something to read.
func (b *Inbox) Pending() bool { return b.lane.Pending() }

// Expect prefetches the next entry; a caller that polls calls it after each Pending.
func (b *Inbox) Expect() { b.lane.Expect() }

// Bell returns the sender's bell.
func (b *Inbox) Bell() transport.Word { return b.lane.Bell() }

// SenderAwake reports whether the sender is awake.
func (b *Inbox) SenderAwake() bool { return b.lane.SenderAwake() }

// Rang returns on which processor the sender last woke this process: its number plus
// one, or 0. The sender writes it, so it can be any number.
func (b *Inbox) Rang() uint32 { return b.lane.Rang() }

// Sleep returns where this process tells the sender that it sleeps.
func (b *Inbox) Sleep() transport.Sleep { return b.lane.Sleep() }

// Close unmaps everything. Kept buffers stay readable until they are released.
func (b *Inbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	b.views.Close()
	b.files.close()
	_ = b.replies.Close()
	b.lane.Close()
}
