package actor

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
)

// ErrFull says that a mailbox has no room, and that its policy is to fail then.
var ErrFull = mailbox.ErrFull

// ErrUnhandled says that an actor has no handler for a message: its Setup did
// not register one, or its program was built from other sources.
var ErrUnhandled = mailbox.ErrUnhandled

// ErrIgnore is returned by an actor's Setup that finds that the actor is not
// wanted: OTP's ignore. The process ends, which is no failure; the supervisor
// keeps the child, stopped, unless it is temporary; who started it gets
// supervisor.ErrIgnored.
var ErrIgnore = errors.New("actor: this actor is not wanted")

// ErrNoProgram says that a context does not belong to a running program: use the
// context of supervisor.Run's function, a handler's Context or, with a supervisor
// made by supervisor.New, one from its method Context.
var ErrNoProgram = errors.New("actor: this context belongs to no program: use that of supervisor.Run's function, a handler's or, with supervisor.New, one of Supervisor.Context")

// ErrCallingSelf says that an actor's own code asks that actor, which handles nothing
// before that code has returned: OTP's calling_self. An ask of a pool fails so when
// it is the caller's turn. Setup, handlers and the functions of OnStop call the code
// that answers itself, or tell; a goroutine that they start may ask.
var ErrCallingSelf = errors.New("an actor's own code cannot wait for an answer of that actor, which handles nothing before it has returned: " +
	"call the code that answers itself, tell, or ask from a goroutine, with context.WithoutCancel(ctx), and return")

// ErrEnded says that the program has ended for this process: its supervisor was shut
// down, or the link to it is lost. Nothing can be sent any more.
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

// UnreachableError says that this process cannot reach an actor any more, which itself
// may be alive. Err says why: mostly it is an ErrEnded; it is a *transport.LimitError
// when a limit of this process keeps it from reading what the actor writes. Or the actor
// has closed the lane from this process, since what came through it broke the rules.
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
// was quarantined: it will not be answered.
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
