package wire

// The steps of a replacement that the supervisor tells a process of.
const (
	StepStandBy  = 1 // to the successor, first thing: it has no mailbox yet
	StepGive     = 2 // to its predecessor: hand over after the message in hand, and wait
	StepGoOn     = 3 // to its predecessor: the replacement is given up
	StepTakeOver = 4 // to the successor: the mailbox is its own
)

// Handover leads a replacement. Successor is the incarnation that is to take
// over; it tells what belongs to one replacement from what belongs to another.
type Handover struct {
	Successor uint32
	Step      uint8
}

// What a State is.
const (
	StateNone    = 0 // there is no state to hand over
	StateValue   = 1 // a value of Type, whose name is Text
	StateRefused = 2 // it goes on, and Text is why
)

// State is what an actor hands over to its successor: from the predecessor, in
// answer to StepGive, and on to the successor. Files: the segment that holds the
// value, when Bytes does not.
type State struct {
	Successor uint32
	What      uint8
	Type      uint64
	Text      string
	Size      uint64 // of the value, in bytes
	Bytes     []byte // the value, up to MaxStateBytes
}

// MaxStateBytes is the size in bytes of the largest value that travels in a
// State itself.
const MaxStateBytes = 32 << 10

// The answers to a State.
const (
	TakenWhole   = 0 // the state is the successor's
	TakenRefused = 1 // Text is why
	TakenUnknown = 2 // the successor takes no state of that type
)

// Taken answers State: whether the successor has taken it.
type Taken struct {
	Successor uint32
	What      uint8
	Type      uint64 // with TakenUnknown: identity of the type of that name that it would take, or 0
	Text      string
}

func (f *Handover) fields(c *coder) {
	c.u32(&f.Successor)
	c.u8(&f.Step)
}

func (f *State) fields(c *coder) {
	c.u32(&f.Successor)
	c.u8(&f.What)
	c.u64(&f.Type)
	c.text(&f.Text)
	c.u64(&f.Size)
	c.bytes(&f.Bytes)
}

func (f *State) files() int {
	if f.Size > 0 && len(f.Bytes) == 0 {
		return 1
	}
	return 0
}

func (f *Taken) fields(c *coder) {
	c.u32(&f.Successor)
	c.u8(&f.What)
	c.u64(&f.Type)
	c.text(&f.Text)
}
