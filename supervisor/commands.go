package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Reasons why a command is refused or fails. The errors are wrapped, with the child's
// name.
var (
	ErrNotFound     = tree.ErrNotFound     // no child has that number or path, or its supervisor is just being restarted
	ErrRunning      = tree.ErrRunning      // from Restart and Delete
	ErrRestarting   = tree.ErrRestarting   // from Restart and Delete
	ErrTerminated   = tree.ErrTerminated   // from a start: the child was terminated before it was ready
	ErrIgnored      = tree.ErrIgnored      // from a start: its Setup returned actor.ErrIgnore
	ErrNotRunning   = tree.ErrNotRunning   // no process of the child runs at the moment
	ErrReplacing    = tree.ErrReplacing    // from Replace: another replacement of the child is going on
	ErrSimple       = tree.ErrSimple       // from Restart and Delete under SimpleOneForOne
	ErrShuttingDown = tree.ErrShuttingDown // from a start
)

// ErrNoAnswer says that a supervisor in its own process has not answered for five
// seconds: that process may have been stopped by a signal.
var ErrNoAnswer = fmt.Errorf("the process of its supervisor has not answered for %v: if it was stopped by a signal, continue or kill it; "+
	"Child.MaxStopped kills it automatically", answerTime)

// PresentError says that a supervisor already has a child of that name. The field ID
// is that child's number. The field Started is true if the child runs or is being
// restarted; if it is stopped, Restart starts it and Delete frees its name.
type PresentError = tree.PresentError

// branch is the supervisor that s stands for, or nil while it does not run. The
// loop calls it.
func (s *Supervisor) branch() *branch {
	if s.id == 0 {
		return s.root
	}
	if c := s.children[s.id]; c != nil {
		return c.sub
	}
	return nil
}

// await makes the loop call begin with the number of a new call, and waits until that
// call is finished. An error from begin finishes it at once.
func (s *Supervisor) await(ctx context.Context, begin func(call uint64) error) error {
	need(ctx)
	answer := make(chan error, 1)
	ok := s.call(func() {
		s.lastCall++
		call := s.lastCall
		s.calls[call] = answer
		if err := begin(call); err != nil {
			s.finish(call, err)
		}
	})
	if !ok {
		return ErrEnded
	}
	select {
	case err := <-answer:
		return err
	case <-s.ended:
		select {
		case err := <-answer:
			return err
		default:
			return ErrEnded
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish passes the outcome of a call to the goroutine that waits for it.
func (s *Supervisor) finish(call uint64, err error) {
	if ch := s.calls[call]; ch != nil {
		delete(s.calls, call)
		ch <- err
	}
}

// start is Start without types.
func (s *Supervisor) start(ctx context.Context, spec Child) (id uint32, err error) {
	ofActor := s.ofActor()
	spec = spec.withDefaults()
	if err := spec.Validate(); err != nil {
		return 0, err
	}
	if spec.isNothing() {
		return 0, fmt.Errorf("supervisor: child %s: %w", spec.Name, errNothing)
	}
	if ofActor {
		return s.startByRoot(ctx, spec)
	}
	name := spec.Name
	var number uint32 // owned by the loop until it has answered
	var left bool     // ctx has ended before; the loop's
	err = s.await(ctx, func(call uint64) (err error) {
		b := s.branch()
		if b == nil {
			return fmt.Errorf("supervisor: number %d: %w", s.id, ErrNotRunning)
		}
		if b.away != nil {
			return s.startAway(ctx, b, call, spec, func(id uint32) {
				if number = id; left { // the answer has crossed with ctx's end
					s.undo(number)
				}
			})
		}
		if b.spec.Strategy == SimpleOneForOne {
			if spec, err = b.spec.fromTemplate(spec, s.lastID+1); err != nil {
				return err
			}
			if s.above != nil {
				s.lastID++ // the children's numbers come from the root
			}
		}
		name = b.pathOf(spec.Name)
		c := s.newChild(b, spec, false)
		number = c.id
		s.stepIn(b, tree.Add{Call: call, ID: c.id, Spec: spec.rules()})
		return nil
	})
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		s.post(func() {
			left = true
			s.undo(number)
		})
		return 0, fmt.Errorf("supervisor: start of %s: %w", name, err)
	}
	if err != nil {
		return 0, err
	}
	return number, nil
}

// undo ends a child, and forgets it: nobody will learn that its start has succeeded. The
// loop calls it.
func (s *Supervisor) undo(id uint32) {
	switch c := s.children[id]; {
	case c == nil:
	case c.away != nil: // it was ready when the context of its start ended
		s.order(c.away, order{What: orderUndo, ID: id}, nil)
	default:
		s.stepIn(c.branch, tree.Terminate{ID: id, Forget: true})
	}
}

// startListed starts the children of the program's Spec.
func (s *Supervisor) startListed(ctx context.Context) error {
	return s.await(ctx, func(call uint64) error {
		s.root.up = call
		s.stepIn(s.root, s.listed(s.root))
		return nil
	})
}

// command makes the rules handle an input for a child of s, and waits for the outcome.
func (s *Supervisor) command(ctx context.Context, id uint32, in func(call uint64) tree.Input) error {
	if s.ofActor() {
		return s.tellRoot(ctx, order{What: orderOf(in(0)), ID: id})
	}
	return s.await(ctx, func(call uint64) error {
		c, b := s.children[id], s.branch()
		switch {
		case c != nil && c.branch != b:
			return fmt.Errorf("%w of this supervisor: Below returns the one that it is a child of", commandError(c, id, ErrNotFound))
		case b == nil:
			return commandError(nil, id, ErrNotFound)
		case b.away != nil: // the rules of b, in their own process, decide, also about a child that is not known here
			s.order(b.away, order{Supervisor: b.self.id, ID: id, What: orderOf(in(0))}, s.finishing(call))
		default:
			s.stepIn(b, in(call))
		}
		return nil
	})
}

// Terminate stops a child and returns when it has ended: the child is asked to end, and
// killed when its Shutdown time is over. Its unread messages become dead letters. id is
// the field ID of its Ref. With SimpleOneForOne the supervisor then forgets the child,
// and terminating one that has already ended is not an error. With other strategies,
// unless the child is temporary, the supervisor still knows it: Restart starts it again,
// Delete frees its name, and, as in OTP, a restart of its whole group starts it again
// too. If ctx ends first, the child is stopped nevertheless. If the process of its
// supervisor was stopped by a signal, Terminate waits for that process until ctx ends;
// Kill does not.
func (s *Supervisor) Terminate(ctx context.Context, id uint32) error {
	if s.ofActor() {
		if err := s.ownActor(id); err != nil {
			return err
		}
	}
	err := s.command(ctx, id, func(call uint64) tree.Input { return tree.Terminate{Call: call, ID: id} })
	if errors.Is(err, ErrEnded) {
		return nil // the child has ended with everything else
	}
	return err
}

// terminate is Terminate for a child of any supervisor of the program.
func (s *Supervisor) terminate(ctx context.Context, id uint32) error {
	if s.ofActor() {
		return s.tellRoot(ctx, order{What: orderTerminate, ID: id})
	}
	return s.await(ctx, func(call uint64) error {
		c := s.children[id]
		if c == nil {
			return commandError(nil, id, ErrNotFound)
		}
		if c.away != nil {
			return s.commandAway(call, c, tree.Terminate{ID: id})
		}
		s.stepIn(c.branch, tree.Terminate{Call: call, ID: id})
		return nil
	})
}

// Restart starts a child that was terminated, or that has ended and is not restarted
// by its rules, and returns when it is ready. Its Ref is valid again. If the child is
// not stopped, the error is ErrRunning or ErrRestarting; if the start fails, it is a
// *StartError, and the child stays stopped. If ctx ends first, the start goes on. id is
// the field ID of its Ref.
func (s *Supervisor) Restart(ctx context.Context, id uint32) error {
	return s.command(ctx, id, func(call uint64) tree.Input { return tree.RestartChild{Call: call, ID: id} })
}

// Delete makes the supervisor forget a child that is stopped, so that its name is free.
// If the child is not stopped, the error is ErrRunning or ErrRestarting. If ctx ends first,
// the child may be forgotten nevertheless. id is the field ID of its Ref.
func (s *Supervisor) Delete(ctx context.Context, id uint32) error {
	return s.command(ctx, id, func(call uint64) tree.Input { return tree.Delete{Call: call, ID: id} })
}

// Kill kills the process of a child at once, as if it had crashed, and the child is
// restarted by its rules. But the message in hand is not quarantined: it is handled
// again. id is the field ID of its Ref; the child may belong to a supervisor below s. If
// the child has no process at the moment, because it has just died, or at all, as a pool,
// the error is ErrNotRunning.
//
// Kill works even if the child's supervisor has its own process and was stopped by a
// signal; the supervisor restarts the child when it continues. Only what the root cannot
// kill itself needs the supervisor's process: an actor in place there, and everything on
// kernels before Linux 5.4. If that process does not answer for five seconds, the error
// is ErrNoAnswer.
func (s *Supervisor) Kill(id uint32) error {
	if s.ofActor() {
		return s.tellRoot(context.Background(), order{What: orderKill, ID: id})
	}
	err := ErrEnded
	s.call(func() {
		c := s.children[id]
		switch {
		case c == nil:
			err = commandError(nil, id, ErrNotFound)
		case c.run == nil && c.driven():
			err = commandError(c, id, noProcess{})
		case c.run == nil:
			err = commandError(c, id, ErrNotRunning)
		case c.away != nil && c.run.far == nil:
			err = errAway
		default:
			if err = c.run.kill(); errors.Is(err, process.ErrDone) {
				err = commandError(c, id, ErrNotRunning)
				return
			}
			c.killed = true
			s.event(EventKilled, c, "by a call of Kill")
		}
	})
	if err == errAway {
		return s.killAway(id)
	}
	return err
}

// noProcess is the ErrNotRunning of a supervisor that runs in this process.
type noProcess struct{}

func (noProcess) Error() string {
	return "it is a supervisor or a pool without a process of its own: Kill its children, which the Children of Below lists"
}

func (noProcess) Unwrap() error { return ErrNotRunning }

// ChildInfo is what a supervisor knows about a child at one moment.
type ChildInfo struct {
	ID          uint32
	Name        string // its path below the program's supervisor, for actor.Lookup, and for Below of that supervisor
	PID         int    // 0 if no process runs; for a supervisor without its own process, the process that it runs in
	Incarnation int
	State       string    // waiting, starting, running, restarting, backoff, stopping or stopped
	Until       time.Time // in state backoff: when the next attempt is
	Supervisor  bool      // it is a supervisor below this one
	Suspended   bool      // its process was stopped by a signal
	Dropped     uint64    // lines of its output that were dropped because their reader was slow
}

// Children lists the children of s in the order in which they were started; they are
// stopped in reverse order. (OTP's which_children has the newest first.) It is nil for a
// supervisor in its own process that does not answer within five seconds.
func (s *Supervisor) Children() []ChildInfo {
	list, _ := s.list(context.Background())
	return list
}

// childrenOf is Children of a supervisor that this process drives. The loop calls it.
func (s *Supervisor) childrenOf(b *branch) (list []ChildInfo) {
	for _, i := range b.machine.Children() {
		c := s.children[i.ID]
		if c == nil {
			continue
		}
		info := ChildInfo{ID: i.ID, Name: c.name, Incarnation: int(i.Incarnation), State: i.State.String(), Supervisor: c.spec.supervises()}
		switch {
		case c.run != nil:
			info.PID, info.Suspended = c.pid, c.suspended
			info.Dropped = c.dropped.Load()
		case c.sub != nil:
			info.PID = os.Getpid()
		}
		if i.Until > 0 {
			info.Until = s.origin.Add(i.Until)
		}
		list = append(list, info)
	}
	return list
}

// Counts is the result of Supervisor.Count: OTP's count_children.
type Counts struct {
	Specs       int // children that the supervisor knows, running or not; with SimpleOneForOne 1, the template
	Active      int // children whose process runs
	Supervisors int // children that are supervisors, running or not
	Workers     int // other children, running or not
}

// Count counts the children of s. All is zero for a supervisor that does not run, or is in
// its own process and does not answer within five seconds.
func (s *Supervisor) Count() (n Counts) {
	if s.ofActor() {
		return s.askRoot(context.Background(), order{What: orderCount}).Counts
	}
	var away bool
	s.call(func() {
		if b := s.branch(); b != nil {
			if away = b.away != nil; !away {
				n = Counts(b.machine.Count())
			}
		}
	})
	if away {
		return s.queryAway(context.Background(), orderCount).Counts
	}
	return n
}
