package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Replacement says which program replaces a child. The zero value means the child's
// current executable, of which a new build may have been installed.
type Replacement struct {
	// Path is the executable of the new process; "" means the child's current one. It
	// must be a program made with this library, and is started with the arguments of
	// this process. Later restarts of the child use it too.
	Path string

	// Timeout bounds the time until the child's old process has handed over;
	// 0 means Child.Start, Infinity waits without limit. When it is over, the
	// replacement is abandoned.
	Timeout time.Duration
}

// Validate lists every problem of r.
func (r Replacement) Validate() error {
	var errs []error
	if r.Path != "" {
		if _, err := exec.LookPath(r.Path); err != nil && !errors.Is(err, exec.ErrDot) {
			errs = append(errs, fmt.Errorf("supervisor: Replacement.Path: %w", err))
		}
	}
	if r.Timeout < 0 && r.Timeout != Infinity {
		errs = append(errs, fmt.Errorf("supervisor: Replacement.Timeout %v: it must be positive, 0 or Infinity", r.Timeout))
	}
	return errors.Join(errs...)
}

// ReplaceError says that a child was not replaced. Its old process goes on, unless
// it has ended by itself in the meantime.
type ReplaceError struct {
	Child string // path
	Step  string // "start", "hand over" or "take over"

	// Err is a *StartError (with a *RefusedError inside if the machine has refused a
	// limit to the new process), a *RefusedError, a *transport.LimitError, an
	// *IncompatibleError, the error of a hook, or one that wraps os.ErrDeadlineExceeded.
	Err error
}

func (e *ReplaceError) Error() string {
	return fmt.Sprintf("supervisor: child %s was not replaced: %s: %v", e.Child, e.Step, e.Err)
}

// Unwrap returns Err.
func (e *ReplaceError) Unwrap() error { return e.Err }

// IncompatibleError says that two builds do not fit together. Either the new process
// does not know a type of message that the old one handles or answers with, although
// such messages are in the mailbox or will be sent by processes of the old build; or it
// does not take the type of state that the old process hands over.
type IncompatibleError struct {
	Type  string // name
	State bool   // it is the type of the state
	Old   uint64 // identity in the old process
	New   uint64 // identity in the new process; 0 if it has no type of that name
}

func (e *IncompatibleError) Error() string {
	what, remedy := "message type", "keep a handler as long as there are senders of it"
	if e.State {
		what, remedy = "state type", "add an OnState for it"
	}
	if e.New == 0 {
		return fmt.Sprintf("the new program does not know %s %s (%#x): %s", what, e.Type, e.Old, remedy)
	}
	return fmt.Sprintf("%s %s has another structure in the new program (%#x) than in the old one (%#x): give the new structure another name, and accept both", what, e.Type, e.New, e.Old)
}

// Replace gives a running actor a new process, and returns when that has taken over.
// The new process is started beside the old one and runs its Setup. Then the old one
// stops between two messages and hands over its state, if it has an actor.OnHandover;
// when it has ended, the new one continues with the next message. Senders notice only a
// pause: nothing is lost, duplicated or overtaken. If anything fails before the old
// process has handed over, the error is a *ReplaceError, and the old process goes on.
//
// As after a code change in OTP, the actor is the same as before: its Ref, name,
// mailbox, monitors and links stay, its incarnation is the next one, and no restart is
// counted. A death, a Terminate or a restart of its group ends the replacement. If ctx
// ends first, Replace returns ctx's error at once and abandons the replacement, unless
// the old process has already handed over; EventAbandoned or EventReplaced says which.
//
// id is the field ID of the actor's Ref. The child may belong to a supervisor below s,
// even to one in its own process. If that process ends during the replacement, the old
// and the new process of the child end with it.
func (s *Supervisor) Replace(ctx context.Context, id uint32, r Replacement) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if s.ofActor() {
		if err := s.ownActor(id); err != nil {
			return err
		}
		return s.tellRoot(ctx, order{What: orderReplace, ID: id, Replacement: &r})
	}
	var own uint64 // the number of this call; owned by the loop
	err := s.await(ctx, func(call uint64) error {
		own = call
		c := s.children[id]
		if c == nil {
			return commandError(nil, id, ErrNotFound)
		}
		if err := c.canReplace(r); err != nil {
			return commandError(c, id, err)
		}
		if c.away != nil {
			s.orderUntil(ctx, c.away, order{What: orderReplace, ID: id, Replacement: &r}, s.finishing(call))
			return nil
		}
		c.wanted = r
		s.stepIn(c.branch, tree.Replace{Call: call, ID: id})
		return nil
	})
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		s.post(func() {
			// If this call has its answer by now, there is nothing left to abandon: a
			// replacement that is going on belongs to another call.
			if c := s.children[id]; c != nil && c.away == nil && s.calls[own] != nil {
				s.giveUp(c, "start", err)
			}
		})
		return fmt.Errorf("supervisor: replacement of number %d: %w", id, err)
	}
	return err
}

// canReplace returns an error if c cannot be replaced.
func (c *child) canReplace(r Replacement) error {
	switch {
	case c.supervises():
		return fmt.Errorf("only an actor can be replaced: call ReplaceAll of the supervisor that Below returns, which replaces all actors below it: %w", errors.ErrUnsupported)
	case !c.isActor():
		return fmt.Errorf("only an actor can be replaced, since only it has a mailbox to keep: use Terminate and Restart: %w", errors.ErrUnsupported)
	case c.spec.InPlace && r.Path != "":
		return fmt.Errorf("it runs in place, as part of this program: leave Replacement.Path empty: %w", errors.ErrUnsupported)
	}
	return nil
}

// timeoutError says that a time limit set by the caller has passed.
func timeoutError(what string, limit time.Duration) error {
	return fmt.Errorf("%s within %v (Replacement.Timeout, or Child.Start): %w", what, limit, os.ErrDeadlineExceeded)
}
