package wire

// Open gives the supervisor a new lane to a target. Files: the send page; the
// queue's descriptor if it is not a ring; the sender's wake-up descriptor if Bell
// is 1.
type Open struct {
	To    uint32
	Queue Queue
	Cells uint32 // bytes of cells in the page
	Size  uint32 // bytes of the page
	Bell  uint8
}

func (f *Open) fields(c *coder) {
	c.u32(&f.To)
	c.u8((*uint8)(&f.Queue))
	c.u32(&f.Cells)
	c.u32(&f.Size)
	c.u8(&f.Bell)
}

// Lane gives a receiver a lane to read. Files: as in Open.
type Lane struct {
	From    Addr
	Name    string
	Queue   Queue
	Cells   uint32
	Size    uint32
	Bell    uint8
	Start   uint64 // first sequence to handle
	Attempt uint8  // how many earlier incarnations died with the message at Start in hand
	Carry   []byte // an entry that was taken from the queue and not dealt with

	Urgent      uint64 // of a queue with priorities: how many of the entries before Start were urgent
	CarryUrgent uint8  // 1: Carry is urgent
}

func (f *Lane) fields(c *coder) {
	c.addr(&f.From)
	c.text(&f.Name)
	c.u8((*uint8)(&f.Queue))
	c.u32(&f.Cells)
	c.u32(&f.Size)
	c.u8(&f.Bell)
	c.u64(&f.Start)
	c.u8(&f.Attempt)
	c.bytes(&f.Carry)
	c.u64(&f.Urgent)
	c.u8(&f.CarryUrgent)
}

// Page passes on a receive page. From the receiver, it is for the lane of the sender
// Peer; to the sender, it is from the receiver Peer. Files: the page; the receiver's
// wake-up descriptor if Bell is 1.
type Page struct {
	Peer  Addr
	Size  uint32
	Bell  uint8
	Start uint64 // first sequence that the receiver will handle

	Urgent uint64 // as in Lane
}

func (f *Page) fields(c *coder) {
	c.addr(&f.Peer)
	c.u32(&f.Size)
	c.u8(&f.Bell)
	c.u64(&f.Start)
	c.u64(&f.Urgent)
}

// Segment passes on a segment of blocks or, if Blocks is 0, retires one. From its
// owner, it is for the process Peer; to the user of the blocks, it is from Peer. Reply
// says that the blocks carry replies of a receiver, not messages of a sender. Files: the
// segment, unless it is retired.
type Segment struct {
	Token  uint64 // comes back in Ack, owner only
	Peer   Addr
	Reply  uint8
	ID     uint16
	Size   uint64 // bytes
	Class  uint64 // bytes of a block
	Blocks uint32
}

func (f *Segment) fields(c *coder) {
	c.u64(&f.Token)
	c.addr(&f.Peer)
	c.u8(&f.Reply)
	c.u16(&f.ID)
	c.u64(&f.Size)
	c.u64(&f.Class)
	c.u32(&f.Blocks)
}

// Passage passes on the exit of the passage that carries the files of a lane's
// messages. From the sender, it is of the lane to Peer; to the receiver, of the lane
// from Peer. Files: the exit.
type Passage struct {
	Token uint64 // comes back in Ack, sender only
	Peer  Addr
}

func (f *Passage) fields(c *coder) {
	c.u64(&f.Token)
	c.addr(&f.Peer)
}

// Ack says that the supervisor has carried out the request with Token: it keeps what was
// sent, or has placed a Monitor, or made or removed a Link.
type Ack struct{ Token uint64 }

func (f *Ack) fields(c *coder) { c.u64(&f.Token) }

// Retire says that a sender has died: the tail of its lane is final.
type Retire struct{ From Addr }

func (f *Retire) fields(c *coder) { c.addr(&f.From) }

// Drained says that the lane of a dead sender has been read to its end and
// none of its memory is in use.
type Drained struct{ From Addr }

func (f *Drained) fields(c *coder) { c.addr(&f.From) }

// laneFiles returns how many descriptors come with an Open or Lane.
func laneFiles(q Queue, bell uint8) int {
	n := 1 + flagged(bell)
	if q != QueueRing {
		n++
	}
	return n
}
