package hosting

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// Package actor sets these when it is initialized.
var (
	// New makes a Host, which waits to be told by the supervisor who it is.
	New func(Config) (Host, error)
	// Of is the Host of a context that an actor or the root process runs with, or nil.
	Of func(context.Context) Host
	// Defined is the actor.AnyDefinition of that name.
	Defined func(name string) (any, error)
	// ExitOf is the actor.Exit that a program sees of one on the control link.
	ExitOf func(*wire.Exit) any
)

// Doomed is set when this process is about to kill all that it has started, and then
// itself. From then on a supervisor in it decides nothing. Otherwise it would take
// the deaths of its children for their own, charge the messages in hand with them,
// and start the children again, for a moment each. And no actor in it reports an
// error: it may come from such a death.
var Doomed atomic.Bool

// Config is what a Host is made of. The host owns Link and Notifier.
type Config struct {
	Link     transport.Link
	Notifier transport.Notifier
	Log      *slog.Logger // nil: slog.Default
	Lost     func()       // called once when the supervisor is gone
	InPlace  bool         // it is for ServeInPlace
}

// Host is one process's part in a program, or that of an actor in place.
type Host interface {
	// Context returns a context whose sends and asks go out from the host.
	Context(context.Context) context.Context
	// Command has the root process do something, and returns its answer. Supervisors
	// know the text.
	Command(ctx context.Context, text []byte) ([]byte, error)
	// Name is the name of the host's child.
	Name() string
	// ID is its number.
	ID() uint32
	// Runs says whether the caller is the code of the actor with that number: its
	// Setup or a handler, and not a goroutine that these have started. The actor
	// neither ends nor is replaced before it returns.
	Runs(id uint32) bool
	// Serve runs the actor that the supervisor has named until it ends in order, and
	// returns the reason. A panic of the actor's code is not caught.
	Serve() (reason string, err error)
	// ServeInPlace is Serve of an actor that shares its process with others: it
	// returns when there is nothing to do, and goes on in another goroutine when there
	// is. ended is called with the error of Serve when the actor has ended; a panic of
	// the actor's code comes as a *PanicError.
	ServeInPlace(ended func(error))
	// Traffic is what the host has sent, and what it was answered.
	Traffic() mailbox.Traffic
	// Close ends the host. The actor's loop must have returned.
	Close()
}

// PanicError is the death of an actor that ran in place.
type PanicError struct {
	Value string
	Stack string
}

func (e *PanicError) Error() string { return "panic: " + e.Value }
