package wire

import "time"

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
	Reason  string        // OTP's word: normal, shutdown, shutdown: X, replaced, killed, noproc or error
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
	// Short, so that they fit a frame together with the two that follow.
	c.brief(&e.Type)
	c.brief(&e.Reason)
	c.brief(&e.Summary)
	c.text(&e.Stderr)
	c.text(&e.Stack)
}

// The kinds of exits.
const (
	ExitNormal   = 1 // code 0
	ExitCode     = 2 // another code
	ExitSignal   = 3 // killed by a signal
	ExitPanic    = 4 // a Go panic or fatal error
	ExitMemory   = 5 // exceeded its memory limit
	ExitStart    = 6 // did not become ready
	ExitNoTarget = 7 // there was no such process
	ExitWatchdog = 8 // killed because nothing was completed while messages waited
)

// The values of Exit.Reason other than those that an Exiting declares.
const (
	ReasonKilled = "killed" // by SIGKILL
	ReasonNoProc = "noproc" // there was no such process
	ReasonError  = "error"  // any other failure
)

// AskFailed says that an ask was in hand at a death and will not be answered.
type AskFailed struct {
	To   uint32
	Ask  uint64
	Exit Exit
}

func (f *AskFailed) fields(c *coder) {
	c.u32(&f.To)
	c.u64(&f.Ask)
	c.exit(&f.Exit)
}

// How a Monitor watches.
const (
	MonitorActor   = 0 // until the actor ends; being replaced does not count
	MonitorCancel  = 1 // no longer
	MonitorProcess = 2 // until the process that runs the actor now ends
)

// Monitor asks for one Down about the incarnation of ID that is alive now, or
// cancels an earlier Monitor.
type Monitor struct {
	Token uint64
	ID    uint32
	How   uint8
}

func (f *Monitor) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.ID)
	c.u8(&f.How)
}

// Down answers Monitor, once.
type Down struct {
	Token uint64
	Exit  Exit
}

func (f *Down) fields(c *coder) {
	c.u64(&f.Token)
	c.exit(&f.Exit)
}

// Trap says that this process wants to be told of the ends of actors that it is
// linked with, instead of ending too.
type Trap struct{}

func (f *Trap) fields(*coder) {}

// Link links this actor with the incarnation of ID that is alive now or, with
// Cancel, removes the link.
type Link struct {
	Token  uint64 // comes back in Ack
	ID     uint32
	Cancel uint8
}

func (f *Link) fields(c *coder) {
	c.u64(&f.Token)
	c.u32(&f.ID)
	c.u8(&f.Cancel)
}

// Linked tells a process that traps exits that an actor it was linked with has
// ended.
type Linked struct{ Exit Exit }

func (f *Linked) fields(c *coder) { c.exit(&f.Exit) }
