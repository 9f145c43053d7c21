package wire

import "time"

// The frames of this file pass between the root process and a supervisor in a process
// of its own. The supervisor starts and watches its children; the root keeps their
// mailboxes and reads their links.

// The sorts of children.
const (
	SortActor      = 1
	SortCommand    = 2
	SortSupervisor = 3 // in the process of the supervisor above
	SortSubtree    = 4 // a supervisor in a process of its own
)

// Enroll asks for the number of a new child. If there was a child of the same name and
// definition before the supervisor was restarted, it keeps its number and the unread
// messages of its mailbox.
type Enroll struct {
	Token      uint64 // comes back in Enrolled
	Parent     uint32 // the supervisor whose child it is: this process, or one that it drives
	Sort       uint8
	Listed     uint8 // 1: it is in the supervisor's Spec, and is restarted with it
	Name       string
	Definition string
	Mailbox    Mailbox
	Watchdog   time.Duration // or 0
	Route      Route         // of a pool, whose children are its members; or 0
	Operator   uint8         // 1: it may give orders, if its supervisor's process may
	Shown      uint8         // 1: its stderr is that of its supervisor's process
}

// Enrolled answers Enroll.
type Enrolled struct {
	Token   uint64
	Child   Addr     // its number, and its last incarnation so far
	Problem string   // or why there is no number
	Program string   // the executable by which it was replaced; "": the one that its supervisor starts
	Members []uint32 // of a pool that existed before: the numbers in the names of its members
}

// Adopt hands over the link of a process that is about to be started. Files:
// the link.
type Adopt struct {
	Child   Addr
	StandBy uint8 // 1: it is to replace the incarnation that runs
}

// Started says that the process of an incarnation has been started. Files: its
// pidfd, when Known is 1.
type Started struct {
	Child Addr
	PID   int64
	Known uint8
}

// Below carries a frame of a child's link: to the supervisor, one that the child has
// sent; from the supervisor, one that it is to receive.
type Below struct {
	Child Addr
	Frame []byte
}

// Died says that an incarnation has ended and was reaped.
type Died struct {
	Cause     uint8  // to what the death is charged: 0 it was asked for, 1 its own doing, 2 unexplained
	Successor uint32 // the incarnation that takes over, or 0
	Exit      Exit
}

// Left says that a child will not be restarted automatically.
type Left struct {
	ID        uint32
	Forgotten uint8 // 1: the supervisor no longer knows it
}

// Event is one event of a child.
type Event struct {
	Child Addr
	PID   int64
	What  string
	Text  string
}

// Command is a request to a supervisor: to one in a process of its own or, from an
// actor, to the root. Text is JSON. From an actor, a Command without Text cancels that
// of the same Token.
type Command struct {
	Token uint64 // comes back in Answer; 0: no answer is wanted
	Text  []byte
}

// Answer is the outcome of a Command, in pieces that fit a frame.
type Answer struct {
	Token uint64
	More  uint8 // 1: another piece follows
	Text  []byte
}

// Kind returns the first byte of the frame.
func (*Enroll) Kind() Kind   { return KindEnroll }
func (*Enrolled) Kind() Kind { return KindEnrolled }
func (*Adopt) Kind() Kind    { return KindAdopt }
func (*Started) Kind() Kind  { return KindStarted }
func (*Below) Kind() Kind    { return KindBelow }
func (*Died) Kind() Kind     { return KindDied }
func (*Left) Kind() Kind     { return KindLeft }
func (*Event) Kind() Kind    { return KindEvent }
func (*Command) Kind() Kind  { return KindCommand }
func (*Answer) Kind() Kind   { return KindAnswer }

func (f *Enroll) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.Parent)
	c.u8(&f.Sort)
	c.u8(&f.Listed)
	c.text(&f.Name)
	c.text(&f.Definition)
	c.mailbox(&f.Mailbox)
	c.duration(&f.Watchdog)
	c.u8((*uint8)(&f.Route))
	c.u8(&f.Operator)
	c.u8(&f.Shown)
}

func (f *Enrolled) fields(c *coder) {
	c.u64(&f.Token)
	c.addr(&f.Child)
	c.text(&f.Problem)
	c.text(&f.Program)
	c.numbers(&f.Members)
}

func (f *Adopt) fields(c *coder) {
	c.addr(&f.Child)
	c.u8(&f.StandBy)
}

func (f *Started) fields(c *coder) {
	c.addr(&f.Child)
	c.i64(&f.PID)
	c.u8(&f.Known)
}

func (f *Below) fields(c *coder) {
	c.addr(&f.Child)
	c.bytes(&f.Frame)
}

func (f *Died) fields(c *coder) {
	c.u8(&f.Cause)
	c.u32(&f.Successor)
	c.exit(&f.Exit)
}

func (f *Left) fields(c *coder) {
	c.u32(&f.ID)
	c.u8(&f.Forgotten)
}

func (f *Event) fields(c *coder) {
	c.addr(&f.Child)
	c.i64(&f.PID)
	c.text(&f.What)
	c.text(&f.Text)
}

func (f *Command) fields(c *coder) {
	c.u64(&f.Token)
	c.bytes(&f.Text)
}

func (f *Answer) fields(c *coder) {
	c.u64(&f.Token)
	c.u8(&f.More)
	c.bytes(&f.Text)
}
