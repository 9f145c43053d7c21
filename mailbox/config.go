package mailbox

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Full is the policy of a mailbox without room: what a send does then.
type Full uint8

// The policies. Messages that Drop drops are counted in Traffic.Dropped of the sender's
// process. They do not become dead letters, each of which would be one more message where
// there is no room.
const (
	Wait Full = iota // wait until there is room or the context ends
	Fail             // return ErrFull at once
	Drop             // drop a message, count it, and return nil; an ask gets ErrFull
)

// The defaults and bounds of Config.
const (
	DefaultRingBytes = 1 << 20   // bytes of a ring's cells
	DefaultInline    = 4 << 10   // bytes of the largest payload that travels in the queue; see Measure
	DefaultPoolBytes = 64 << 20  // bytes of the blocks of one sender for one mailbox
	DefaultMaxBytes  = 256 << 20 // bytes of the largest payload, or PoolBytes if that is more
	MaxPoolBytes     = 16 << 30  // the largest PoolBytes, and the largest MaxBytes
	MaxRedeliver     = 100       // the largest Redeliver
)

// Config configures a mailbox; the zero value is the default. It belongs to the
// receiving actor: its senders learn it from the supervisor.
type Config struct {
	// Queue is the form of the queues: "ring", "unix", "pipe", "sysv" or
	// "posix". "" and "auto" mean the first of these that the machine allows;
	// lane.Probe says why not the others. If a named form is refused, the first
	// send fails with an error that says which limit to raise.
	Queue string

	// Priorities lets messages that embed Urgent overtake those that do not.
	// It uses the kernel's own priorities: the queue of each sender is then
	// "sysv" or "posix". Queue names one of these, or is "" or "auto" for the
	// first that the machine allows; any other form is a *PriorityError, which
	// lists the forms that have priorities.
	//
	// The urgent messages of one sender arrive in the order sent, and so do its
	// other messages. The message in hand is not interrupted, and a message that
	// a death has put back into the mailbox comes first. Senders take turns as
	// in any mailbox.
	//
	// Some room is kept for urgent messages: one place in five of a POSIX
	// queue, and of a SysV queue that of its largest message, which is at most a
	// quarter of the bytes. Nothing is kept for the others: while urgent
	// messages come faster than they are handled, the others wait. While an
	// urgent message with a large payload waits for a block, no other message
	// gets one.
	Priorities bool

	// RingBytes is the size in bytes of the ring of each sender, a power of two.
	// 0 means DefaultRingBytes, or a quarter of that where a segment takes all
	// its memory at once (see segment.Sparse). For other forms of queue the
	// kernel determines the size.
	//
	// The room of handled messages is given back a quarter of the ring at a
	// time, or when all that has come was handled; to a sender that has waited
	// for long, after each message. So while one handler runs, up to a quarter
	// of the ring may be neither unread nor free: a handler that waits for
	// something that a sender with a full ring has yet to do must not count on
	// that quarter.
	//
	// A sparse ring takes only the memory that has been used. While the receiver
	// keeps up, the sender uses only the first 256 KiB, or the first quarter if
	// that is more. When it has just started over there, only between three
	// quarters and all of this part is free, until what it sent before has been
	// handled.
	RingBytes int

	// Inline is the threshold between small and large: a payload of at most
	// this many bytes travels in the queue's entry, a larger one in a block of
	// the sender's segment. 0 means DefaultInline, which was found by
	// measuring; Measured means what Measure finds on this machine, once in
	// each program. A form of queue with smaller entries lowers it.
	Inline int

	// PoolBytes bounds the blocks that one sender may have for this mailbox, in
	// bytes of blocks; 0 means DefaultPoolBytes. Segments are up to 3 % larger
	// than their blocks. A sender that has borrowed large blocks for small
	// payloads, and wants more blocks beside those that it is filling or
	// that the receiver keeps, may have up to twice as much.
	PoolBytes int64

	// MaxBytes is the size of the largest payload, or buffer; 0 means
	// DefaultMaxBytes. Senders learn it: a larger payload is refused with a
	// *transport.SizeError before anything is sent.
	//
	// A payload of up to PoolBytes travels in a block. A larger one travels in a
	// segment of exactly its size, which is made for it and gone when it has
	// been handled. Each sender can have one such payload on its way at a time;
	// for the next one the mailbox is full. So a sender takes at most PoolBytes
	// plus MaxBytes. The payload is not sent through the pool piece by piece,
	// since an unread message has to outlive its receiver, in whose memory the
	// first pieces would be. For pieces, in bounded memory, open a stream.
	MaxBytes int64

	// Segment is the form of the segments of these blocks: "memfd", "shm",
	// "sysv" or "file". "" and "auto" mean what the environment variable
	// UNDERSTUDY_SEGMENT says, or else the first that the machine allows. See
	// segment.Probe.
	Segment string

	// Blocks is how a sender's memory is cut into blocks. "pool", the default
	// and also "", makes segments of blocks of one size each, as they are
	// needed. "arena" makes one segment of PoolBytes at the first large message,
	// takes all its memory at once, and cuts it by a buddy allocator: the memory
	// of small blocks can serve large ones later, and the reverse. A handler's
	// replies use the same.
	Blocks string

	// Full is what a send does when there is no room; the default is Wait.
	Full Full

	// Redeliver says when a message whose handler dies is quarantined instead
	// of being handled again by the next incarnation: at this many deaths of the
	// process's own doing (a panic, an exit, its memory limit), or at the tenth
	// death by a signal from outside, whichever comes first. With 0, the
	// default, it is quarantined at the first death of any kind. A death that
	// the program itself asked for does not count. A handler of redelivered
	// messages must tolerate running twice for one message; Context.Attempt of
	// package actor tells it.
	Redeliver int
}

// Validate returns an error that lists every problem of c.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("mailbox: "+format, args...)) }
	if _, err := c.form(); err != nil {
		errs = append(errs, err)
	}
	if c.RingBytes != 0 {
		if err := ring.Check(c.RingBytes); err != nil {
			bad("RingBytes: %w", err)
		}
	}
	if c.Inline < Measured || c.Inline > ring.MaxBytes/4 {
		bad("Inline of %d bytes: it must be between 0 (the default) and %d, or Measured", c.Inline, ring.MaxBytes/4)
	}
	if c.PoolBytes < 0 || c.PoolBytes > MaxPoolBytes {
		bad("PoolBytes of %d: it must be between 0 (the default) and %d", c.PoolBytes, int64(MaxPoolBytes))
	}
	if c.MaxBytes < 0 || c.MaxBytes > MaxPoolBytes {
		bad("MaxBytes of %d: it must be between 0 (the default) and %d", c.MaxBytes, int64(MaxPoolBytes))
	}
	if _, err := segment.ParseForm(c.Segment); err != nil {
		bad("Segment: %w", err)
	}
	if _, err := segment.ParsePolicy(c.Blocks); err != nil {
		bad("Blocks: %w", err)
	}
	if c.Full > Drop {
		bad("Full of %d: it must be Wait, Fail or Drop", c.Full)
	}
	if c.Redeliver < 0 || c.Redeliver > MaxRedeliver {
		bad("Redeliver of %d: it must be between 0 and %d", c.Redeliver, MaxRedeliver)
	}
	return errors.Join(errs...)
}

// Wire returns c as senders learn it, with the defaults filled in.
func (c Config) Wire() wire.Mailbox {
	q, err := c.form()
	if err != nil {
		q = wire.QueueRing // Validate has refused c
	}
	m := wire.Mailbox{
		Queue:     q,
		Full:      uint8(c.Full),
		Redeliver: uint8(c.Redeliver),
		RingBytes: defaultRing(),
		Inline:    DefaultInline,
		PoolBytes: DefaultPoolBytes,
	}
	if f, err := segment.ParseForm(c.Segment); err == nil { // Validate has refused other words
		m.Segment = uint8(f)
	}
	if p, err := segment.ParsePolicy(c.Blocks); err == nil {
		m.Blocks = uint8(p)
	}
	switch {
	case c.Priorities && c.chosen():
		m.Priority = wire.PriorityChosen
	case c.Priorities:
		m.Priority = wire.PriorityNamed
	}
	if c.RingBytes != 0 {
		m.RingBytes = uint32(c.RingBytes)
	}
	switch {
	case c.Inline == Measured:
		m.Inline = uint32(measured())
	case c.Inline != 0:
		m.Inline = uint32(c.Inline)
	}
	if c.PoolBytes != 0 {
		m.PoolBytes = uint64(c.PoolBytes)
	}
	m.MaxBytes = max(DefaultMaxBytes, m.PoolBytes)
	if c.MaxBytes != 0 {
		m.MaxBytes = uint64(c.MaxBytes)
	}
	return m
}

// defaultRing returns DefaultRingBytes, or less if its memory would be taken at once.
func defaultRing() uint32 {
	if segment.Sparse() {
		return DefaultRingBytes
	}
	return DefaultRingBytes / 4
}

// Measured, as Config.Inline, means the threshold that Measure finds.
const Measured = -1

// form returns the form of c's queues. If the machine allows none, it is the ring, whose
// creation then says why.
func (c Config) form() (wire.Queue, error) {
	if c.Priorities {
		return c.priority()
	}
	if c.chosen() {
		if f, err := lane.Best(); err == nil {
			return f.Queue, nil
		}
		return wire.QueueRing, nil
	}
	f, err := lane.FormNamed(c.Queue)
	if err != nil {
		return 0, fmt.Errorf("mailbox: Queue: %w", err)
	}
	return f.Queue, nil
}
