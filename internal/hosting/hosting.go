package hosting

import (
	"context"
	"log/slog"
	"reflect"
	"runtime"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// Package actor sets these when it is initialized.
var (
	// New makes a Host, to which the supervisor will tell who it is.
	New func(Config) (Host, error)
	// Of returns the Host of a context of an actor or of the root process, or nil.
	Of func(context.Context) Host
	// Defined returns the actor.AnyDefinition of that name.
	Defined func(name string) (any, error)
	// ExitOf converts an exit of the control link to the actor.Exit that a program sees.
	ExitOf func(*wire.Exit) any
)

// Doomed is set when this process is about to kill all processes that it has started, and
// then itself. From then on a supervisor in this process decides nothing: it would blame
// its children for their deaths, charge these to the messages in hand, and restart the
// children for a moment. And no actor in this process reports an error, which may come
// from such a death.
var Doomed atomic.Bool

// Config configures a Host. The host owns Link and Notifier.
type Config struct {
	Link     transport.Link
	Notifier transport.Notifier
	Log      *slog.Logger // nil: slog.Default
	Lost     func()       // called once when the supervisor is gone
	Busy     func() error // why the caller must not wait for the supervisor, or nil; nil: anybody may
	InPlace  bool         // for ServeInPlace
}

// Host runs one process of a program, or one actor in the process of its supervisor.
type Host interface {
	// Context returns a context whose sends and asks go out from the host.
	Context(context.Context) context.Context
	// Claim makes the host that of every context in this process that is no host's own.
	// Of several claims the first counts, until its host is closed.
	Claim()
	// Command sends a request to the root process and returns its answer. Package
	// supervisor defines the text. If ctx ends first, the request is cancelled; late is
	// called with the answer, which still comes, in another goroutine.
	Command(ctx context.Context, text []byte, late func(answer []byte)) ([]byte, error)
	// Name returns the name of the host's child.
	Name() string
	// ID returns the number of the host's child.
	ID() uint32
	// Runs reports whether the caller is code of the actor with that number: its Setup
	// or a handler, but not a goroutine started by these. The actor neither ends nor is
	// replaced before that code returns.
	Runs(id uint32) bool
	// Serve runs the actor that the supervisor has named until it ends in order, and
	// returns the reason. A panic of the actor's code is not caught.
	Serve() (reason string, err error)
	// ServeInPlace is Serve for an actor that shares its process with others. It returns
	// when there is nothing to do, and continues in another goroutine when there is.
	// ended is called with the error of Serve when the actor has ended; a panic of the
	// actor's code is passed as a *PanicError.
	ServeInPlace(ended func(error))
	// Traffic returns the counts of the host's messages and answers.
	Traffic() mailbox.Traffic
	// Settle returns when what the supervisor has sent so far has arrived, or the context
	// has ended.
	Settle(context.Context)
	// Close ends the host. The actor's loop must have returned.
	Close()
}

// PanicError is a panic of an actor that ran in the process of its supervisor.
type PanicError struct {
	Value string
	Stack string
}

func (e *PanicError) Error() string { return "panic: " + e.Value }

// Under says whether f, a function, is on the caller's stack.
func Under(f any) bool {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	pcs := make([]uintptr, 64)
	for skip := 0; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		if n == 0 {
			return false
		}
		for frames, more := runtime.CallersFrames(pcs[:n]), true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); frame.Function == name {
				return true
			}
		}
	}
}
