package actor

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
)

// ErrFull says that a mailbox has no room, and that the send may not wait for some.
var ErrFull = mailbox.ErrFull

// ErrUnhandled says that an actor has no handler for a message: its Setup did
// not register one, or the two processes were built from different sources.
var ErrUnhandled = mailbox.ErrUnhandled

// ErrIgnore is OTP's ignore: an actor's Setup returns it if the actor is not wanted.
// The process ends, which does not count as a failure. The supervisor keeps the child,
// stopped, unless it is temporary; whoever started it gets supervisor.ErrIgnored.
var ErrIgnore = errors.New("actor: this actor is not wanted")

// ErrNoProgram says that a context does not belong to a running program: use the
// context of supervisor.Run's function, a handler's Context or, with a supervisor
// made by supervisor.New, one from its method Context.
var ErrNoProgram = errors.New("actor: this context belongs to no program: use that of supervisor.Run's function, a handler's or, with supervisor.New, one of Supervisor.Context")

// ErrCallingSelf is OTP's calling_self: an actor's own code asks that actor, which
// handles nothing before that code has returned. An ask of a pool fails with it if the
// pool chooses the caller. Setup, handlers and the functions of OnStop can call the
// answering function directly, or Tell; a goroutine that they start may ask.
var ErrCallingSelf = errors.New("an actor's own code cannot wait for an answer of that actor, which handles nothing before that code has returned: " +
	"call the answering function directly, use Tell, or ask from a goroutine, with context.WithoutCancel(ctx), and return")

// ErrEnded says that the program has ended for this process: its actor has ended or was
// replaced, its supervisor was shut down, or the link to that is lost. Nothing can be
// sent any more.
var ErrEnded = node.ErrEnded

// RemoteError is the error that a handler returned to an ask. Its text comes from
// the other process. errors.Is finds only ErrFull, ErrUnhandled,
// context.DeadlineExceeded and context.Canceled in it: other errors are their text.
type RemoteError = mailbox.RemoteError

// GoneError says that an actor has ended for good: it will not be restarted,
// and nothing can be sent to it.
type GoneError struct {
	Name string
	Exit Exit // of its last incarnation
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("actor %s has ended for good: %s", e.Name, e.Exit.Summary)
}

// UnreachableError says that this process can no longer reach an actor, which may
// still be alive. Err says why: usually ErrEnded; a *transport.LimitError if a limit of
// this process keeps it from reading what the actor writes; or that the actor has
// closed the lane from this process because what came through it broke the rules.
type UnreachableError struct {
	Name string
	Err  error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("actor %s cannot be reached: %v", e.Name, e.Err)
}

// Unwrap returns Err.
func (e *UnreachableError) Unwrap() error { return e.Err }

// DeathError says that an actor died with the ask in hand, and that the ask
// was quarantined: it will never be answered.
type DeathError struct {
	Name string
	Exit Exit // of the incarnation that died
}

func (e *DeathError) Error() string {
	return fmt.Sprintf("actor %s died with the message in hand: %s", e.Name, e.Exit.Summary)
}

// public turns the errors of the node into those of this package.
func public(err error) error {
	if err == nil {
		return nil // what follows allocates
	}
	var gone *node.GoneError
	if errors.As(err, &gone) {
		if gone.Lost != nil {
			return &UnreachableError{Name: gone.Name, Err: gone.Lost}
		}
		return &GoneError{Name: gone.Name, Exit: exitOf(gone.Exit)}
	}
	var death *node.DeathError
	if errors.As(err, &death) {
		return &DeathError{Name: death.Name, Exit: exitOf(death.Exit)}
	}
	return err
}
