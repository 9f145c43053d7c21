package wire

import (
	"fmt"
	"time"
)

// Addr is one incarnation of one process: a number that the supervisor gives
// to a child for as long as the program runs, and a count of its starts.
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
	Redeliver uint8  // how many deaths of its handler a message survives; 0: none
	RingBytes uint32 // size of the cells of a ring
	Inline    uint32 // payloads up to so many bytes travel in the entry
	PoolBytes uint64 // most bytes of blocks a sender may have on a lane
	Segment   uint8  // form of the segments of these blocks; 0: the program's
	Blocks    uint8  // how they are cut: 0 pool, 1 arena
	MaxBytes  uint64 // of one payload; over PoolBytes it has a segment of its own
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
}

// Exit is how a process ended, in the form that crosses the link.
type Exit struct {
	Addr    Addr
	PID     int64
	Kind    uint8 // numbers of the supervisor's exit taxonomy
	Code    int64 // exit code, or -1
	Signal  uint8 // signal number, or 0
	Asked   uint8 // 1: the program itself asked for this death
	Core    uint8
	Runtime time.Duration
	CPU     time.Duration // user and system
	MaxRSS  uint64        // bytes
	Type    string        // type of the last message, if known
	Reason  string        // OTP's word: normal, shutdown, shutdown: X, killed, noproc or error
	Summary string        // one line for people
	Stderr  string        // tail
	Stack   string        // what a Go program wrote when it gave up, from the line with the reason on
}

func (c *coder) exit(e *Exit) {
	c.addr(&e.Addr)
	c.i64(&e.PID)
	c.u8(&e.Kind)
	c.i64(&e.Code)
	c.u8(&e.Signal)
	c.u8(&e.Asked)
	c.u8(&e.Core)
	c.duration(&e.Runtime)
	c.duration(&e.CPU)
	c.u64(&e.MaxRSS)
	// Short, so that with the two that follow they fit a frame.
	c.brief(&e.Type)
	c.brief(&e.Reason)
	c.brief(&e.Summary)
	c.text(&e.Stderr)
	c.text(&e.Stack)
}

// Begin tells a process who it is. It is the first frame it receives.
type Begin struct {
	Version    uint32
	Self       Addr
	Name       string // of the child
	Definition string // of the actor it runs
	Mailbox    Mailbox
}

// Ready says that Setup has returned without error.
type Ready struct{}

// Failed says that the start failed, and why. The process exits.
type Failed struct{ Text string }

// Resolve asks for a target, by ID or, when ID is 0, by name.
type Resolve struct {
	Token uint64 // comes back in Target
	ID    uint32
	Name  string
}

// The states of a target.
const (
	TargetAlive   = 1 // running or restarting: its mailbox takes messages
	TargetGone    = 2 // ended for good
	TargetUnknown = 3 // never existed
	TargetPool    = 4 // stands for others: a Members came before
	TargetRefused = 5 // of Group: Name says why
	TargetFull    = 6 // its mailbox holds too much of the asker's earlier incarnations
)

// Target answers Resolve.
type Target struct {
	Token   uint64
	State   uint8
	ID      uint32
	Name    string
	Mailbox Mailbox
	Exit    Exit // when gone
}

// Open gives the supervisor a new lane to a target. Files: the send page; the
// queue's descriptor when it is not a ring; the sender's wake-up descriptor
// when Bell is 1.
type Open struct {
	To    uint32
	Queue Queue
	Cells uint32 // bytes of cells in the page
	Size  uint32 // bytes of the page
	Bell  uint8
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
	Attempt uint8  // deaths of earlier incarnations with the message at Start in hand
	Carry   []byte // an entry that was taken from the queue and not dealt with
}

// Page passes on a receive page. From the receiver: the page is for the lane
// of the sender Peer. To the sender: it comes from the receiver Peer. Files:
// the page; the receiver's wake-up descriptor when Bell is 1.
type Page struct {
	Peer  Addr
	Size  uint32
	Bell  uint8
	Start uint64 // first sequence that the receiver will handle
}

// Segment passes on a segment of blocks, or, when Blocks is 0, takes one back. From its owner: for the process
// Peer. To the user of the blocks: it comes from Peer. Reply says that the
// blocks carry replies of a receiver, not messages of a sender.
type Segment struct {
	Token  uint64 // comes back in Ack, owner only
	Peer   Addr
	Reply  uint8
	ID     uint16
	Size   uint64 // bytes
	Class  uint64 // bytes of a block
	Blocks uint32
}

// Ack says that the supervisor holds what was sent with Token.
type Ack struct{ Token uint64 }

// Retire says that a sender has died: the tail of its lane is final.
type Retire struct{ From Addr }

// Drained says that the lane of a dead sender has been read to its end and
// none of its memory is in use.
type Drained struct{ From Addr }

// Gone says that a target has ended for good.
type Gone struct {
	ID   uint32
	Exit Exit
}

// Closed answers Gone: this process sends nothing more in its lane to that
// target, so the lane's tail is final.
type Closed struct{ To uint32 }

// AskFailed says that an ask was in hand at a death and will not be answered.
type AskFailed struct {
	To   uint32
	Ask  uint64
	Exit Exit
}

// How a Monitor watches.
const (
	MonitorActor   = 0 // until it ends; its replacement is no end
	MonitorCancel  = 1 // not any more
	MonitorProcess = 2 // until the process ends that runs it now
)

// Monitor asks for one Down about the incarnation of ID that is alive now, or
// takes an earlier one back.
type Monitor struct {
	Token uint64
	ID    uint32
	How   uint8
}

// Down answers Monitor, once.
type Down struct {
	Token uint64
	Exit  Exit
}

// Stop asks a process to end after the message in hand.
type Stop struct{ Reason string }

// Exiting declares a reason that a wait status cannot express. It is believed
// only with exit code 0.
type Exiting struct{ Reason string }

// The reasons that Exiting declares. ReasonShutdown may be followed by a colon,
// a space and a word of the program's: OTP's {shutdown, X}.
const (
	ReasonNormal   = "normal"
	ReasonShutdown = "shutdown"
	ReasonIgnore   = "ignore"   // the start is not wanted
	ReasonReplaced = "replaced" // its successor takes over; a Stop's reason, too
)

// The words of Exit.Reason beside those that were declared.
const (
	ReasonKilled = "killed" // by SIGKILL
	ReasonNoProc = "noproc" // there was nobody
	ReasonError  = "error"  // any other failure
)

// Trap says that this process wants to be told of the ends of actors that it is
// linked with, rather than end too.
type Trap struct{}

// Link links this actor with the incarnation of ID that is alive now, or, with
// Cancel, takes the link back.
type Link struct {
	Token  uint64 // comes back in Ack
	ID     uint32
	Cancel uint8
}

// Linked tells a process that traps exits that an actor it was linked with has
// ended.
type Linked struct{ Exit Exit }

// Back says that a target that was gone is there again.
type Back struct{ ID uint32 }

// Passage passes on the exit of the passage that carries the files of a lane's
// messages. From the sender: of the lane to Peer. To the receiver: of the lane
// from Peer. Files: the exit.
type Passage struct {
	Token uint64 // comes back in Ack, sender only
	Peer  Addr
}

// Letter tells of a message that could not be delivered or handled.
type Letter struct {
	From   Addr
	To     uint32
	Type   uint64
	Size   uint64
	Reason uint8
	Text   string
}

// Types names the types that a process handles, so that a death notice can
// speak of its last message by name.
type Types struct{ Types []TypeName }

// Ended says how a command ended; its guardian sends it, and exits.
type Ended struct {
	PID    int64
	Code   int64 // or -1
	Signal uint8 // or 0
	Core   uint8
	CPU    time.Duration // user and system
	MaxRSS uint64        // bytes
}

func (f *Ended) fields(c *coder) {
	c.i64(&f.PID)
	c.i64(&f.Code)
	c.u8(&f.Signal)
	c.u8(&f.Core)
	c.duration(&f.CPU)
	c.u64(&f.MaxRSS)
}

// TypeName is a type's identity and its name.
type TypeName struct {
	ID   uint64
	Name string
}

// Kind is the first byte of the frame.
func (*Begin) Kind() Kind     { return KindBegin }
func (*Ready) Kind() Kind     { return KindReady }
func (*Failed) Kind() Kind    { return KindFailed }
func (*Resolve) Kind() Kind   { return KindResolve }
func (*Target) Kind() Kind    { return KindTarget }
func (*Open) Kind() Kind      { return KindOpen }
func (*Lane) Kind() Kind      { return KindLane }
func (*Page) Kind() Kind      { return KindPage }
func (*Segment) Kind() Kind   { return KindSegment }
func (*Retire) Kind() Kind    { return KindRetire }
func (*Drained) Kind() Kind   { return KindDrained }
func (*Gone) Kind() Kind      { return KindGone }
func (*Closed) Kind() Kind    { return KindClosed }
func (*AskFailed) Kind() Kind { return KindAskFailed }
func (*Monitor) Kind() Kind   { return KindMonitor }
func (*Down) Kind() Kind      { return KindDown }
func (*Stop) Kind() Kind      { return KindStop }
func (*Exiting) Kind() Kind   { return KindExiting }
func (*Letter) Kind() Kind    { return KindLetter }
func (*Ack) Kind() Kind       { return KindAck }
func (*Types) Kind() Kind     { return KindTypes }
func (*Ended) Kind() Kind     { return KindEnded }
func (*Members) Kind() Kind   { return KindMembers }
func (*Group) Kind() Kind     { return KindGroup }
func (*Leaving) Kind() Kind   { return KindLeaving }
func (*Drain) Kind() Kind     { return KindDrain }
func (*Back) Kind() Kind      { return KindBack }
func (*Trap) Kind() Kind      { return KindTrap }
func (*Link) Kind() Kind      { return KindLink }
func (*Linked) Kind() Kind    { return KindLinked }
func (*Passage) Kind() Kind   { return KindPassage }
func (*Handover) Kind() Kind  { return KindHandover }
func (*State) Kind() Kind     { return KindState }
func (*Taken) Kind() Kind     { return KindTaken }

func newFrame(k Kind) Frame {
	all := [...]Frame{
		KindBegin: &Begin{}, KindReady: &Ready{}, KindFailed: &Failed{}, KindResolve: &Resolve{}, KindTarget: &Target{},
		KindOpen: &Open{}, KindLane: &Lane{}, KindPage: &Page{}, KindSegment: &Segment{}, KindRetire: &Retire{},
		KindDrained: &Drained{}, KindGone: &Gone{}, KindAskFailed: &AskFailed{}, KindMonitor: &Monitor{}, KindDown: &Down{},
		KindStop: &Stop{}, KindExiting: &Exiting{}, KindLetter: &Letter{}, KindAck: &Ack{}, KindTypes: &Types{}, KindBack: &Back{},
		KindTrap: &Trap{}, KindLink: &Link{}, KindLinked: &Linked{},
		KindPassage: &Passage{}, KindEnded: &Ended{}, KindClosed: &Closed{},
		KindEnroll: &Enroll{}, KindEnrolled: &Enrolled{}, KindAdopt: &Adopt{},
		KindStarted: &Started{}, KindBelow: &Below{}, KindDied: &Died{}, KindLeft: &Left{}, KindEvent: &Event{},
		KindCommand: &Command{}, KindAnswer: &Answer{},
		KindHandover: &Handover{}, KindState: &State{}, KindTaken: &Taken{},
		KindMembers: &Members{}, KindGroup: &Group{}, KindLeaving: &Leaving{}, KindDrain: &Drain{},
	}
	if int(k) >= len(all) {
		return nil
	}
	return all[k]
}

func (f *Begin) fields(c *coder) {
	c.u32(&f.Version)
	c.addr(&f.Self)
	c.text(&f.Name)
	c.text(&f.Definition)
	c.mailbox(&f.Mailbox)
}

func (f *Ready) fields(*coder)    {}
func (f *Failed) fields(c *coder) { c.text(&f.Text) }

func (f *Resolve) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.ID)
	c.text(&f.Name)
}

func (f *Target) fields(c *coder) {
	c.u64(&f.Token)
	c.u8(&f.State)
	c.u32(&f.ID)
	c.text(&f.Name)
	c.mailbox(&f.Mailbox)
	c.exit(&f.Exit)
}

func (f *Open) fields(c *coder) {
	c.u32(&f.To)
	c.u8((*uint8)(&f.Queue))
	c.u32(&f.Cells)
	c.u32(&f.Size)
	c.u8(&f.Bell)
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
}

func (f *Page) fields(c *coder) {
	c.addr(&f.Peer)
	c.u32(&f.Size)
	c.u8(&f.Bell)
	c.u64(&f.Start)
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

func (f *Ack) fields(c *coder)     { c.u64(&f.Token) }
func (f *Retire) fields(c *coder)  { c.addr(&f.From) }
func (f *Drained) fields(c *coder) { c.addr(&f.From) }

func (f *Closed) fields(c *coder) { c.u32(&f.To) }

func (f *Back) fields(c *coder)   { c.u32(&f.ID) }
func (f *Trap) fields(*coder)     {}
func (f *Linked) fields(c *coder) { c.exit(&f.Exit) }

func (f *Link) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.ID)
	c.u8(&f.Cancel)
}

func (f *Passage) fields(c *coder) {
	c.u64(&f.Token)
	c.addr(&f.Peer)
}

func (f *Gone) fields(c *coder) {
	c.u32(&f.ID)
	c.exit(&f.Exit)
}

func (f *AskFailed) fields(c *coder) {
	c.u32(&f.To)
	c.u64(&f.Ask)
	c.exit(&f.Exit)
}

func (f *Monitor) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.ID)
	c.u8(&f.How)
}

func (f *Down) fields(c *coder) {
	c.u64(&f.Token)
	c.exit(&f.Exit)
}

func (f *Stop) fields(c *coder)    { c.text(&f.Reason) }
func (f *Exiting) fields(c *coder) { c.text(&f.Reason) }

func (f *Letter) fields(c *coder) {
	c.addr(&f.From)
	c.u32(&f.To)
	c.u64(&f.Type)
	c.u64(&f.Size)
	c.u8(&f.Reason)
	c.text(&f.Text)
}

func (f *Types) fields(c *coder) {
	n := uint16(len(f.Types))
	c.u16(&n)
	for i := range int(n) {
		if !c.write {
			if c.short {
				return
			}
			f.Types = append(f.Types, TypeName{})
		}
		c.u64(&f.Types[i].ID)
		c.text(&f.Types[i].Name)
	}
}

// Files is how many descriptors must come with f. bool fields were checked by
// the peer's own Append; here they are only counted.
func Files(f Frame) int {
	switch f := f.(type) {
	case *Open:
		return laneFiles(f.Queue, f.Bell)
	case *Lane:
		return laneFiles(f.Queue, f.Bell)
	case *Page:
		return 1 + int(f.Bell&1)
	case *Segment:
		return int(min(f.Blocks, 1))
	case *Passage, *Adopt:
		return 1
	case *Started:
		return int(f.Known & 1)
	case *State:
		return f.files()
	}
	return 0
}

func laneFiles(q Queue, bell uint8) int {
	n := 1 + int(bell&1)
	if q != QueueRing {
		n++
	}
	return n
}

// The reasons of dead letters.
const (
	LetterHandlerError = 1 // an OnTell handler returned an error
	LetterUnhandled    = 2 // no handler takes the type
	LetterCorrupt      = 3 // the sender broke the rules
	LetterQuarantined  = 4 // it was in hand at a death
	LetterUnread       = 5 // its actor has ended for good
)

// The kinds of exits.
const (
	ExitNormal   = 1 // code 0
	ExitCode     = 2 // another code
	ExitSignal   = 3 // killed by a signal
	ExitPanic    = 4 // a Go panic or fatal error
	ExitMemory   = 5 // went over its memory limit
	ExitStart    = 6 // did not become ready
	ExitNoTarget = 7 // there was nobody to end
	ExitWatchdog = 8 // killed because nothing was completed while messages waited
)
