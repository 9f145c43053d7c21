package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

// child is the loop's knowledge of one child.
type child struct {
	id          uint32
	spec        Child
	definition  string
	incarnation uint32
	pid         int
	run         *running // nil between two incarnations
	ready       bool
	asked       bool // this end was asked for
	killed      bool // Kill was called
	failed      string
	declared    string
	exit        *wire.Exit // of the last incarnation
	timer       *time.Timer
	waiting     []chan error // callers that wait for the outcome of a command
}

// StartError says that a child could not be started.
type StartError struct {
	Child string
	Text  string     // what its Setup returned, if it got that far
	Exit  actor.Exit // how its process ended
}

func (e *StartError) Error() string {
	s := fmt.Sprintf("supervisor: child %s did not start: ", e.Child)
	if e.Text != "" {
		return s + e.Text
	}
	return s + e.Exit.Summary
}

// start is Start without types.
func (s *Supervisor) start(ctx context.Context, definition string, spec Child) (id uint32, err error) {
	if spec.Name == "" {
		spec.Name = definition
	}
	if spec.Mailbox.Queue == "" {
		spec.Mailbox.Queue = os.Getenv("UNDERSTUDY_QUEUE")
	}
	if err := spec.Validate(); err != nil {
		return 0, err
	}
	answer := make(chan error, 1)
	ok := s.call(func() {
		for _, c := range s.children {
			if c.spec.Name == spec.Name {
				answer <- fmt.Errorf("supervisor: a child is called %q already; set Child.Name", spec.Name)
				return
			}
		}
		s.lastID++
		id = s.lastID
		s.children[id] = &child{id: id, spec: spec, definition: definition, waiting: []chan error{answer}}
		s.keeper.Add(id, spec.Name, spec.Mailbox.Wire())
		s.step(tree.Add{ID: id, Restart: spec.Restart})
	})
	if !ok {
		return 0, ErrEnded
	}
	select {
	case err = <-answer:
	case <-s.ended:
		select {
		case err = <-answer:
		default:
			err = ErrEnded
		}
	case <-ctx.Done():
		s.post(func() { s.step(tree.Terminate{ID: id}) })
		return 0, fmt.Errorf("supervisor: start of %s: %w", spec.Name, context.Cause(ctx))
	}
	if err != nil {
		return 0, err
	}
	return id, nil
}

// command makes the machine handle in for a child, and waits for the outcome.
func (s *Supervisor) command(ctx context.Context, id uint32, in tree.Input) error {
	answer := make(chan error, 1)
	ok := s.call(func() {
		c := s.children[id]
		if c == nil {
			answer <- fmt.Errorf("supervisor: child %d: %w", id, tree.ErrNotFound)
			return
		}
		c.waiting = append(c.waiting, answer)
		s.step(in)
	})
	if !ok {
		return ErrEnded
	}
	select {
	case err := <-answer:
		return err
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Terminate stops a child for good, and returns when it has ended: it is asked
// to, and killed when its time is over. What is unread in its mailbox becomes
// dead letters. id is its Ref's ID.
func (s *Supervisor) Terminate(ctx context.Context, id uint32) error {
	return s.command(ctx, id, tree.Terminate{ID: id})
}

// ErrNotRunning says that no process of a child runs at the moment.
var ErrNotRunning = errors.New("it is not running")

// Kill kills the process of a child at once, as if it had crashed, except that
// the message in hand is not charged with the death: it is handled again. The
// child is then restarted by its rules. id is its Ref's ID. A child that has
// just died, or is between two incarnations, gives ErrNotRunning.
func (s *Supervisor) Kill(id uint32) error {
	err := ErrEnded
	s.call(func() {
		c := s.children[id]
		switch {
		case c == nil:
			err = fmt.Errorf("supervisor: child %d: %w", id, tree.ErrNotFound)
		case c.run == nil:
			err = fmt.Errorf("supervisor: child %s: %w", c.spec.Name, ErrNotRunning)
		default:
			if err = c.run.kill(); errors.Is(err, process.ErrDone) {
				err = fmt.Errorf("supervisor: child %s: %w", c.spec.Name, ErrNotRunning)
				return
			}
			c.killed = true
			s.event(EventKilled, c, "asked for")
		}
	})
	return err
}

// ChildInfo is what a supervisor knows of a child at one moment.
type ChildInfo struct {
	ID          uint32
	Name        string
	PID         int // 0 when no process runs
	Incarnation int
	State       string // starting, running, restarting, stopping or stopped
}

// Children lists the children in the order of their starts.
func (s *Supervisor) Children() (list []ChildInfo) {
	s.call(func() {
		for _, id := range s.machine.Children() {
			c := s.children[id]
			if c == nil {
				continue
			}
			state, _ := s.machine.State(id)
			info := ChildInfo{ID: id, Name: c.spec.Name, Incarnation: int(c.incarnation), State: strings.ToLower(state.String())}
			if c.run != nil {
				info.PID = c.pid
			}
			list = append(list, info)
		}
	})
	return list
}

// step lets the machine handle one input and does what it says.
func (s *Supervisor) step(in tree.Input) {
	for _, a := range s.machine.Handle(time.Since(s.origin), in) {
		s.act(a)
	}
}

func (s *Supervisor) act(a tree.Action) {
	switch a := a.(type) {
	case tree.Spawn:
		s.spawn(s.children[a.ID], a.Incarnation)
	case tree.Stop:
		s.stop(s.children[a.ID])
	case tree.PostRetry:
		s.later = append(s.later, func() { s.step(tree.Retry{ID: a.ID}) })
	case tree.Started:
		s.children[a.ID].answer(nil)
	case tree.StartFailed:
		c := s.children[a.ID]
		c.answer(&StartError{Child: c.spec.Name, Text: c.failed, Exit: actor.ExitOf(c.exit)})
	case tree.Restarting:
		s.event(EventRestarting, s.children[a.ID], "")
	case tree.Gone:
		c := s.children[a.ID]
		s.keeper.Gone(a.ID)
		s.event(EventGone, c, "")
		c.answer(nil)
	case tree.Removed:
		delete(s.children, a.ID)
	case tree.Refused:
		if c := s.children[a.ID]; c != nil {
			c.answer(fmt.Errorf("supervisor: child %s: %w", c.spec.Name, a.Err))
		}
	case tree.Exceeded:
		s.exceeded(s.children[a.ID])
	case tree.Ended:
		s.event(EventEnded, nil, "")
		s.endOnce.Do(func() { close(s.ended) })
	}
}

// answer tells the outcome to whoever waits.
func (c *child) answer(err error) {
	for _, ch := range c.waiting {
		ch <- err
	}
	c.waiting = nil
}

func (s *Supervisor) exceeded(c *child) {
	e := &IntensityError{Child: c.spec.Name, Intensity: s.spec.Intensity, Period: s.spec.Period, Exit: actor.ExitOf(c.exit)}
	s.mu.Lock()
	s.err = e
	s.mu.Unlock()
	s.log.Error("supervisor gives up: too many restarts", "child", c.spec.Name, "intensity", s.spec.Intensity, "period", s.spec.Period)
	s.event(EventIntensity, c, e.Error())
}

// spawn starts the process of an incarnation.
func (s *Supervisor) spawn(c *child, incarnation uint32) {
	c.incarnation, c.killed, c.ready, c.asked, c.failed, c.declared, c.pid = incarnation, false, false, false, "", "", 0
	if incarnation > 1 {
		s.restarts.Add(1)
	}
	addr := wire.Addr{ID: c.id, Incarnation: incarnation}
	r, err := s.launch(c, addr)
	if err != nil {
		c.exit = &wire.Exit{Addr: addr, Kind: wire.ExitStart, Code: -1, Summary: err.Error()}
		s.log.Error("child could not be started", "child", c.spec.Name, "err", err)
		s.later = append(s.later, func() {
			s.step(tree.Exited{ID: c.id, Incarnation: incarnation, Reason: tree.Abnormal})
		})
		return
	}
	c.run, c.pid = r, r.proc.PID()
	s.keeper.Begin(addr, c.definition, r.queue.post)
	s.event(EventStarting, c, "")
	if limit := orDefault(c.spec.Start, 30*time.Second); limit != Infinity {
		s.after(c, limit, func() {
			c.failed = fmt.Sprintf("its Setup did not return within %v", limit)
			_ = r.kill()
		})
	}
	go func() {
		<-r.proc.Done()
		// All that it sent comes before its death.
		select {
		case <-r.drained:
		case <-time.After(time.Second): // somebody else holds its link
		}
		s.post(func() { s.exited(c, r, r.proc.Exit()) })
	}()
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// after makes the loop do f in d, unless c's timer is set anew or stopped.
func (s *Supervisor) after(c *child, d time.Duration, f func()) {
	c.stopTimer()
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.post(func() {
			if c.timer == t {
				f()
			}
		})
	})
	c.timer = t
}

func (c *child) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// stop asks a child to end, and kills it when its time is over.
func (s *Supervisor) stop(c *child) {
	if c.run == nil {
		return // its death is on the way
	}
	c.asked = true
	if c.spec.Shutdown == BrutalKill {
		_ = c.run.kill()
		s.event(EventKilled, c, "brutal kill")
		return
	}
	s.event(EventStopping, c, "")
	c.run.queue.post(&wire.Stop{Reason: "shutdown"})
	c.stopTimer()
	if limit := orDefault(c.spec.Shutdown, 5*time.Second); limit != Infinity {
		r := c.run
		s.after(c, limit, func() {
			_ = r.kill()
			s.event(EventKilled, c, fmt.Sprintf("did not end within %v", limit))
		})
	}
}

// frame handles a frame of a process.
func (s *Supervisor) frame(r *running, f wire.Frame, files []transport.File) {
	c := s.children[r.addr.ID]
	if c == nil || c.run != r {
		s.keeper.Frame(r.addr, f, files) // this process's own, or a dead one's
		return
	}
	switch f := f.(type) {
	case *wire.Ready:
		if !c.ready {
			c.ready = true
			if !c.asked {
				c.stopTimer()
			}
			s.event(EventReady, c, "")
			s.step(tree.Ready{ID: c.id, Incarnation: c.incarnation})
		}
	case *wire.Failed:
		c.failed = f.Text
	case *wire.Exiting:
		c.declared = f.Reason
	default:
		s.keeper.Frame(r.addr, f, files)
	}
}

// exited handles the end of a process, after all its frames.
func (s *Supervisor) exited(c *child, r *running, x process.Exit) {
	if c.run != r {
		return
	}
	c.run = nil
	c.stopTimer()
	s.forget(r)
	_ = lane.Sweep(x.PID) // it may have died while a queue had a name
	if !c.ready && c.failed != "" {
		x.Kind, x.Summary = wire.ExitStart, c.failed
	}
	if c.killed && (x.Signal == syscall.SIGKILL || c.spec.InPlace) {
		c.asked = true // it may have died by itself just before
	}
	c.exit = &wire.Exit{
		Addr: r.addr, PID: int64(x.PID), Kind: x.Kind, Code: int64(x.Code), Signal: uint8(x.Signal), Asked: bit(c.asked), Core: bit(x.Core),
		Runtime: x.Runtime, CPU: x.CPU, MaxRSS: uint64(x.MaxRSS), Summary: x.Summary, Stderr: x.Stderr, Stack: x.Stack,
	}
	s.keeper.Died(c.exit, cause(c, x))
	s.event(EventExited, c, "")
	reason := reason(c, x)
	if reason >= tree.Abnormal && !c.asked {
		s.log.Error("child died", "child", c.spec.Name, "incarnation", c.incarnation, "pid", x.PID, "exit", x.Summary,
			"runtime", x.Runtime.Round(time.Millisecond), "message", c.exit.Type, "stderr", "\n"+x.Stderr)
	}
	s.step(tree.Exited{ID: c.id, Incarnation: r.addr.Incarnation, Reason: reason})
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// cause says whom a death is charged to. Signals that a program raises by its
// own mistakes are its own doing; others came from outside.
func cause(c *child, x process.Exit) tree.Cause {
	switch {
	case c.asked:
		return tree.Asked
	case x.Signal == 0:
		return tree.Own
	}
	switch x.Signal {
	case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGABRT, syscall.SIGILL, syscall.SIGFPE, syscall.SIGSYS, syscall.SIGTRAP:
		return tree.Own
	}
	return tree.Unexplained
}

// reason is OTP's word for an end. A declared reason is believed only with exit
// code 0.
func reason(c *child, x process.Exit) tree.Reason {
	switch {
	case x.Kind == wire.ExitNormal && (c.asked || c.declared == "shutdown"):
		return tree.ByRequest
	case x.Kind == wire.ExitNormal:
		return tree.Normal
	case x.Signal != 0:
		return tree.Abnormal
	case slices.Contains(c.spec.NormalCodes, x.Code) && x.Kind == wire.ExitCode:
		if c.asked {
			return tree.ByRequest
		}
		return tree.Normal
	case slices.Contains(c.spec.FatalCodes, x.Code):
		return tree.Final
	}
	return tree.Abnormal
}
