package actor

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/transport/wire"
)

// ExitKind says how a process ended.
type ExitKind uint8

// The kinds of exits.
const (
	ExitNormal   ExitKind = wire.ExitNormal   // code 0
	ExitCode     ExitKind = wire.ExitCode     // any other code
	ExitSignal   ExitKind = wire.ExitSignal   // killed by a signal
	ExitPanic    ExitKind = wire.ExitPanic    // a Go panic or fatal error
	ExitMemory   ExitKind = wire.ExitMemory   // exceeded its memory limit
	ExitStart    ExitKind = wire.ExitStart    // did not become ready
	ExitNoTarget ExitKind = wire.ExitNoTarget // there was no such process when the monitor was placed
	ExitWatchdog ExitKind = wire.ExitWatchdog // killed by the watchdog: it completed nothing while messages waited
)

// The values of Exit.Reason, besides those that ShutdownFor makes: what happened, in
// OTP's words. The other fields of Exit give the details.
const (
	ReasonNormal   = wire.ReasonNormal   // it ended by itself, normally
	ReasonReplaced = wire.ReasonReplaced // another process goes on as this actor; monitors and links do not see it
	ReasonShutdown = wire.ReasonShutdown // it was asked to end, or gave this reason itself
	ReasonKilled   = wire.ReasonKilled   // by SIGKILL
	ReasonNoProc   = wire.ReasonNoProc   // there was no such process
	ReasonError    = wire.ReasonError    // any other failure
)

// ShutdownFor returns OTP's reason {shutdown, x}, for Context.Exit: a normal end that
// says why.
func ShutdownFor(x string) string { return wire.ReasonShutdown + ": " + x }

// inOrder says whether a process that ends for that reason exits with code 0.
func inOrder(reason string) bool {
	return reason == ReasonNormal || reason == ReasonShutdown || strings.HasPrefix(reason, wire.ReasonShutdown+": ")
}

// Exit is how one incarnation of an actor ended: what the kernel says about its
// process, and what the process wrote to its stderr.
type Exit struct {
	Incarnation int // the number of this child's start, from 1
	PID         int
	Kind        ExitKind
	Code        int            // exit code, or -1
	Signal      syscall.Signal // or 0
	Asked       bool           // the program itself asked for this death
	Core        bool           // a core was dumped
	Runtime     time.Duration
	CPU         time.Duration // user and system
	MaxRSS      int64         // peak resident memory, in bytes
	Reason      string        // OTP's word: one of the Reason constants, or made by ShutdownFor
	LastMessage string        // type of the message in hand, or ""
	Summary     string        // one line for people
	Stderr      string        // the end of what it wrote to stderr
	Stack       string        // what a Go program writes when it crashes: the reason, and the goroutines
}

func (e Exit) String() string { return e.Summary }

func (k ExitKind) String() string {
	names := [...]string{ExitNormal: "normal", ExitCode: "code", ExitSignal: "signal", ExitPanic: "panic", ExitMemory: "memory",
		ExitStart: "start", ExitNoTarget: "no target", ExitWatchdog: "watchdog"}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// exitOf converts an Exit from its form on the control link; nil becomes an empty one.
func exitOf(w *wire.Exit) Exit {
	if w == nil {
		return Exit{}
	}
	return Exit{
		Incarnation: int(w.Addr.Incarnation),
		PID:         int(w.PID),
		Kind:        ExitKind(w.Kind),
		Code:        int(w.Code),
		Signal:      syscall.Signal(w.Signal),
		Asked:       w.Asked == 1,
		Core:        w.Core == 1,
		Runtime:     w.Runtime,
		CPU:         w.CPU,
		MaxRSS:      int64(w.MaxRSS),
		Reason:      w.Reason,
		LastMessage: w.Type,
		Summary:     w.Summary,
		Stderr:      w.Stderr,
		Stack:       w.Stack,
	}
}

// Down is the notice of a monitor or of a link: an incarnation of an actor has ended.
type Down struct {
	ID   uint32 // of the Ref that was monitored
	Exit Exit
}

func (d Down) String() string { return fmt.Sprintf("actor %d: %s", d.ID, d.Exit.Summary) }

func downOf(w wire.Exit) Down { return Down{ID: w.Addr.ID, Exit: exitOf(&w)} }
