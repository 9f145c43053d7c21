package wire

import "fmt"

// Addr names one incarnation of one process: by the number that the supervisor gives
// to a child for as long as the program runs, and the count of the child's starts.
type Addr struct {
	ID          uint32
	Incarnation uint32
}

func (a Addr) String() string { return fmt.Sprintf("%d.%d", a.ID, a.Incarnation) }

// Queue is the form of a lane's queue.
type Queue uint8

// The forms of queues. The numbers are part of the protocol.
const (
	QueueRing  Queue = 1
	QueuePosix Queue = 2
	QueueSysv  Queue = 3
	QueueUnix  Queue = 4
	QueuePipe  Queue = 5
)

// Mailbox is what a sender must know of a mailbox before it opens a lane.
type Mailbox struct {
	Queue     Queue
	Full      uint8  // policy when the lane is full: 0 wait, 1 fail, 2 drop
	Redeliver uint8  // at how many deaths of its handler a message is quarantined; 0: at the first
	RingBytes uint32 // bytes of the cells of a ring
	Inline    uint32 // largest payload that travels in the entry, in bytes
	PoolBytes uint64 // largest total of blocks that a sender may have on a lane, in bytes
	Segment   uint8  // form of the segments of these blocks; 0: the program's
	Blocks    uint8  // how they are cut: 0 pool, 1 arena
	MaxBytes  uint64 // largest payload; one over PoolBytes has a segment of its own
	Priority  uint8  // 0: no message is urgent; or one of the Priority constants
}

func (c *coder) mailbox(m *Mailbox) {
	c.u8((*uint8)(&m.Queue))
	c.u8(&m.Full)
	c.u8(&m.Redeliver)
	c.u32(&m.RingBytes)
	c.u32(&m.Inline)
	c.u64(&m.PoolBytes)
	c.u8(&m.Segment)
	c.u8(&m.Blocks)
	c.u64(&m.MaxBytes)
	c.u8(&m.Priority)
}

// numbers codes a u16 count and that many numbers.
func (c *coder) numbers(v *[]uint32) {
	n := uint16(len(*v))
	c.u16(&n)
	for i := range int(n) {
		if !c.write {
			if c.short {
				return
			}
			*v = append(*v, 0)
		}
		c.u32(&(*v)[i])
	}
}

// The values of Mailbox.Priority other than 0. Messages may be urgent, and the queue's
// form has priorities.
const (
	PriorityNamed  = 1 // the mailbox's configuration names the form
	PriorityChosen = 2 // the form is the first such one that the machine allows
)
