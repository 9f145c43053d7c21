package wire

// The steps of a replacement, as the supervisor tells them to the two processes.
const (
	StepStandBy  = 1 // to the successor, right after Begin: it has no mailbox yet
	StepGive     = 2 // to its predecessor: hand over after the message in hand, and wait
	StepGoOn     = 3 // to its predecessor: the replacement is given up
	StepTakeOver = 4 // to the successor: the mailbox is its own
)

// Handover tells a process the next step of a replacement. Successor is the incarnation
// that is to take over; it identifies the replacement.
type Handover struct {
	Successor uint32
	Step      uint8
}

// The values of State.What.
const (
	StateNone    = 0 // there is no state to hand over
	StateValue   = 1 // a value of Type, whose name is Text
	StateRefused = 2 // the predecessor goes on; Text says why
)

// State is the state that an actor hands over to its successor. The predecessor sends
// it in answer to StepGive, and the supervisor passes it on. Files: the segment that
// holds the value, if Bytes does not.
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

// The values of Taken.What.
const (
	TakenWhole   = 0 // the successor has the state
	TakenRefused = 1 // Text says why
	TakenUnknown = 2 // the successor takes no state of that type
)

// Taken answers State: it says whether the successor has taken it.
type Taken struct {
	Successor uint32
	What      uint8
	Type      uint64 // with TakenUnknown: identity of the type of the same name that it would take, or 0
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
