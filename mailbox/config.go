package mailbox

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Full says what a send does when there is no room.
type Full uint8

// The policies. What Drop drops is in Traffic.Dropped of the sender's process, and is no
// dead letter: a letter for each would be one more message where there is no room.
const (
	Wait Full = iota // wait until there is room or the context ends
	Fail             // return ErrFull at once
	Drop             // drop a message, count it, and return nil; an ask gets ErrFull
)

// The defaults of Config and its bounds.
const (
	DefaultRingBytes = 1 << 20   // bytes of a ring's cells
	DefaultInline    = 4 << 10   // bytes of the largest payload that travels in the ring; see Measure
	DefaultPoolBytes = 64 << 20  // bytes of the blocks of one sender for one mailbox
	DefaultMaxBytes  = 256 << 20 // bytes of one payload, or PoolBytes if that is more
	MaxPoolBytes     = 16 << 30  // the largest PoolBytes, and the largest MaxBytes
	MaxRedeliver     = 100       // the largest Redeliver
)

// Config says how a mailbox is made; the zero value is the default. It belongs to
// the receiving actor: its senders learn it from the supervisor.
type Config struct {
	// Queue is the form of the queues: "ring", "unix", "pipe", "sysv" or
	// "posix". "" and "auto" mean the first of these that the machine allows;
	// lane.Probe says why not another. A form that is named and refused is an
	// error of the first send, which says which limit to raise.
	Queue string

	// Priorities lets messages that embed Urgent overtake those that do not,
	// which the kernel's own priorities do: the queue is then "sysv" or
	// "posix", and each sender's. Queue names one of these, or "" and "auto"
	// mean the first that the machine allows; any other word is a
	// *PriorityError, which says which forms have priorities.
	//
	// What one sender sends arrives in the order sent, the urgent messages
	// among themselves, and so do the others. The message in hand is not
	// interrupted, and one that a death has put back into the mailbox comes
	// first. Senders take turns as in any mailbox.
	//
	// Room is kept for urgent messages, which the others never take: one
	// message in five of a POSIX queue, a quarter of the bytes of a SysV
	// queue, whose messages are no larger than that. Nothing is kept for the
	// others: while urgent messages come faster than they are handled, the
	// others wait. While an urgent message waits for a block, for a large
	// payload, no other gets one.
	Priorities bool

	// RingBytes is the size in bytes of the ring of each sender, a power of
	// two; 0 means DefaultRingBytes, and a quarter of that where a segment takes all its
	// memory at once (segment.Sparse). Other forms have the kernel's size. The
	// room of messages that were handled comes back by quarters, or when all
	// that has come was handled, and of a sender that waits for long after each
	// message. So while one handler runs, up to a quarter may be neither unread
	// nor free: who waits in a handler for what a full sender has still to do
	// must not count on that quarter.
	//
	// A sparse ring is memory only as far as it has been used. While the receiver
	// keeps up, the sender goes round in the first 256 KiB, or in a quarter if that is
	// more. Just after it has begun there anew, only three quarters of these to all
	// of them are free, until what was sent before has been handled.
	RingBytes int

	// Inline is the threshold between small and large: a payload of at most
	// this many bytes travels in the queue's entry, a larger one in a block
	// of the sender's segment. 0 means DefaultInline, which is a measured
	// one; Measured means what Measure finds on this machine, once in each
	// program. A form whose entries are smaller lowers it.
	Inline int

	// PoolBytes bounds the blocks that one sender may have for this
	// mailbox, in bytes of blocks; 0 means DefaultPoolBytes. Segments are up to
	// 3 % larger than their blocks. A sender who has borrowed large blocks for small
	// payloads, and wants more beside those that he fills or that the receiver keeps, has
	// up to twice as much.
	PoolBytes int64

	// MaxBytes is the most that one payload, or one buffer, may have; 0 means
	// DefaultMaxBytes. Senders learn it: more is refused with a
	// *transport.SizeError before anything is sent. Up to PoolBytes a payload
	// travels in a block. A larger one travels in a segment of exactly its size,
	// which is made for it and gone when it has been handled; each sender has one
	// such payload on its way at a time, for the next one the mailbox is full. So
	// a sender takes PoolBytes plus MaxBytes at most. It does not travel in
	// rounds through the pool: an unread message has to outlive its receiver,
	// and its first rounds would be in the memory of that one. Who wants
	// rounds, and bounded memory instead, opens a stream.
	MaxBytes int64

	// Segment is the form of the segments that these blocks are in: "memfd",
	// "shm", "sysv" or "file"; "" and "auto" mean what the environment variable
	// UNDERSTUDY_SEGMENT says, or the first that the machine allows. See
	// segment.Probe.
	Segment string

	// Blocks is how a sender's memory is cut into blocks. "pool", the default
	// and also "", is segments of blocks of one size each, made as they are
	// needed. "arena" is one segment of PoolBytes, of which all memory is
	// taken at the first large message, cut by a buddy allocator: a block of
	// any size can follow any other. A handler's replies use the same.
	Blocks string

	// Full is what a send does when there is no room; the default is Wait.
	Full Full

	// Redeliver says when a message whose handler dies is quarantined instead
	// of being handled again by the next incarnation: at that many deaths that
	// were the process's own doing (a panic, an exit, its memory limit), or at
	// the tenth by a signal from outside, whichever is first. With 0, the
	// default, it is quarantined at the first of any kind. A death that the
	// program itself asked for is not counted. A handler whose messages are
	// redelivered must bear to run twice for one; Context.Attempt of package
	// actor tells it.
	Redeliver int
}

// Validate lists every problem of c.
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

// Wire is the form in which senders learn c, with the defaults filled in.
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

// defaultRing is DefaultRingBytes, or less where all of it would be taken at once.
func defaultRing() uint32 {
	if segment.Sparse() {
		return DefaultRingBytes
	}
	return DefaultRingBytes / 4
}

// Measured as Config.Inline is the threshold that Measure finds.
const Measured = -1

// form is the form of c's queues. Where the machine allows none, it is the ring,
// whose creation says why.
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
