package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// child is the loop's knowledge of one child.
type child struct {
	id          uint32
	incarnation uint32
	issued      uint32 // the highest number of an incarnation, also of one that never took over
	name        string // its whole path
	spec        *Child // without the name; see alike
	definition  string
	branch      *branch           // the supervisor that it is a child of
	sub         *branch           // the supervisor that it is, while it runs
	static      map[string]*child // of a supervisor: what its Spec's Children have become, by name
	program     string            // its executable; "" is the root's
	next        *successor        // while it is being replaced
	pid         int
	types       []wire.TypeName    // that its process handles
	run         *running           // nil between two incarnations
	retire      func(running bool) // what an end by Resize waits for, between two incarnations
	away        *running           // of a child of a supervisor in another process: that process
	unnoticed   *wire.Exit         // then: a death with which its supervisor has not dealt
	shown       bool               // then: its stderr is that of its supervisor's process
	spare       *wire.Exit         // then: of the process that has ended last beside its successor or predecessor
	sort        uint8              // then: one of the wire's sorts
	up          bool               // then: its start was told, and its end was not
	held        bool               // its mailbox is kept while its supervisor is restarted
	listed      bool               // it is in a Spec's Children
	ready       bool
	resizing    bool // of a pool
	sized       bool // of a pool that is away: Resize was called
	retiring    bool // it ends when its mailbox is empty
	asked       bool // this end was asked for
	killed      bool // Kill was called
	overdue     bool // it was killed because its time to end was over, or brutally
	suspended   bool // stopped by a signal
	suspensions int
	failed      string
	declared    string
	linked      *wire.Exit    // of the actor whose end, by a link, ends this one
	report      *wire.Ended   // how a command ended, by its guardian
	stdout      *output       // for all incarnations
	stderr      *output       // likewise
	dropped     atomic.Uint64 // lines of its output, since it is known
	doom        *doom         // why it was killed, if it did not go on
	refusal     error         // the limit for which it did not start
	wanted      Replacement   // what the next replacement is like
	failure     error         // why the last replacement failed
	why         error         // of a supervisor: why its last incarnation ended by itself
	exit        *wire.Exit    // of the last incarnation
	timer       *time.Timer
	retry       *time.Timer // of its backoff
}

// StartError says that a child was not started, and why.
type StartError struct {
	Child string
	Text  string     // what its Setup returned, if it got that far
	Exit  actor.Exit // how its process ended
	Err   error      // of a supervisor: which of its children did not start, or why it gave up; a *RefusedError or *transport.LimitError; or what may have kept the process from its Setup
}

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }

func (e *StartError) Error() string {
	s := fmt.Sprintf("supervisor: child %s did not start: ", e.Child)
	if e.Err != nil {
		return s + e.Err.Error()
	}
	if e.Text != "" {
		return s + e.Text
	}
	return s + e.Exit.Summary
}

// reset forgets what was of the incarnation before.
func (c *child) reset(incarnation uint32) {
	c.issued = max(c.issued, incarnation)
	c.incarnation, c.killed, c.ready, c.asked, c.overdue, c.failed, c.declared, c.pid, c.linked = incarnation, false, false, false, false, "", "", 0, nil
	c.suspended, c.doom, c.report, c.types, c.refusal = false, nil, nil, nil, nil
}

// spawn starts the process of an incarnation.
func (s *Supervisor) spawn(c *child, incarnation uint32) {
	c.reset(incarnation)
	if incarnation > 1 {
		s.restarts.Add(1)
	}
	if c.spec.driven() {
		s.spawnBranch(c)
		return
	}
	addr := wire.Addr{ID: c.id, Incarnation: incarnation}
	r, err := s.launch(c, addr, c.program)
	if err != nil {
		if x := new(RefusedError); errors.As(err, &x) {
			c.refusal = x
		} else if errors.As(err, new(*transport.LimitError)) {
			c.refusal = err
		}
		s.log.Error("child could not be started", "child", c.name, "err", err)
		s.notStarted(c, err, nil)
		return
	}
	c.run, c.pid = r, r.proc.PID()
	s.connected(c, r)
	s.event(EventStarting, c, "")
	if incarnation > 1 {
		s.enterPool(c) // its mailbox takes messages
	}
	s.retireNow(c, true)
	if limit := c.spec.startTime(); limit != Infinity {
		s.after(c, limit, func() {
			c.failed = fmt.Sprintf("%s within %v", c.late(), limit)
			_ = r.kill()
		})
	}
	r.proc.Then(func() { s.reap(c, r) })
}

// notStarted records that an incarnation has no process because of err. before, if
// not nil, is called just before the rules learn of it.
func (s *Supervisor) notStarted(c *child, err error, before func()) {
	addr := wire.Addr{ID: c.id, Incarnation: c.incarnation}
	c.exit = &wire.Exit{Addr: addr, Kind: wire.ExitStart, Code: -1, Reason: wire.ReasonError, Summary: err.Error()}
	if s.above != nil { // the root may have its link
		s.above.send(&wire.Died{Exit: *c.exit})
		s.above.send(&wire.Retire{From: addr})
	}
	s.later = append(s.later, func() {
		if before != nil {
			before()
		}
		s.stepIn(c.branch, tree.Exited{ID: c.id, Incarnation: addr.Incarnation, Reason: tree.Abnormal})
	})
}

// reap waits, when a process of c has ended, for the end of all that it has sent.
func (s *Supervisor) reap(c *child, r *running) {
	s.drain(r)
	r.flushOutputs()
	if r.limited != nil {
		<-r.limited
	}
	s.post(func() { s.exited(c, r, r.proc.Exit()) })
}

// late says what a child did not do in time.
func (c *child) late() string {
	if c.spec.Command != nil {
		return "it was not ready"
	}
	return "its Setup did not return"
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
	if limit, ask := s.stopOne(c), c.spec.Shutdown != BrutalKill; ask && limit != Infinity {
		s.after(c, limit, func() { s.killLate(c, limit) })
	}
}

// stopAll does so for children that stop together: they share one timer.
func (s *Supervisor) stopAll(children []*child) {
	limit := Infinity
	for _, c := range children {
		limit = s.stopOne(c)
	}
	if len(children) == 0 || limit == Infinity || children[0].spec.Shutdown == BrutalKill {
		return
	}
	time.AfterFunc(limit, func() {
		s.post(func() {
			for _, c := range children {
				s.killLate(c, limit)
			}
		})
	})
}

// stopOne asks a child to end, and says how long it has.
func (s *Supervisor) stopOne(c *child) (limit time.Duration) {
	limit = c.spec.stopTime()
	c.stopTimer()
	switch {
	case c.sub != nil && c.sub.machine != nil:
		c.asked = true
		s.event(EventStopping, c, "")
		s.stepIn(c.sub, tree.Shutdown{})
		if c.spec.Shutdown == BrutalKill {
			s.killBranch(c)
		}
	case c.run == nil: // its death is on the way
		limit = Infinity
	case c.spec.Shutdown == BrutalKill:
		c.asked, c.overdue = true, true
		_ = c.run.kill()
		s.event(EventKilled, c, "brutal kill")
	default:
		c.asked = true
		s.event(EventStopping, c, "")
		s.askToEnd(c)
	}
	return limit
}

// killLate kills a child whose time is over.
func (s *Supervisor) killLate(c *child, limit time.Duration) {
	switch {
	case c.sub != nil && c.sub.machine != nil:
		s.killBranch(c)
	case c.run != nil && c.asked:
		c.overdue = true
		_ = c.run.kill()
		s.event(EventKilled, c, fmt.Sprintf("did not end within %v", limit))
	}
}

// frame handles a frame of a process.
func (s *Supervisor) frame(r *running, f wire.Frame, files []transport.File) {
	c := s.children[r.addr.ID]
	if cmd, ok := f.(*wire.Command); ok && len(files) == 0 {
		s.obeyActor(c, r, cmd)
		return
	}
	if c != nil && c.next.is(r) {
		s.successorFrame(c, c.next, f, files)
		return
	}
	if s.passOn(c, r, f, files) {
		return
	}
	if c == nil || c.run != r {
		s.keeper.Frame(r.addr, f, files) // this process's own, or a dead one's
		return
	}
	switch f := f.(type) {
	case *wire.Ready:
		if !c.ready && !s.limitsPending(c, r, f) {
			c.ready = true
			if !c.asked && c.linked == nil { // else the timer is that of its end
				c.stopTimer()
			}
			s.event(EventReady, c, "")
			s.enterPool(c)
			s.watch(c, r)
			s.stepIn(c.branch, tree.Ready{ID: c.id, Incarnation: c.incarnation})
		}
	case *wire.Failed:
		c.failed = f.Text
	case *wire.Exiting:
		c.declared = f.Reason
	case *wire.Ended:
		if r.guard {
			c.report = f
		}
	case *wire.Types:
		s.keeper.Frame(r.addr, f, files)
		c.types = s.alikeTypes(c.definition, f.Types)
	case *wire.State:
		s.handedOver(c, f, files)
	default:
		s.keeper.Frame(r.addr, f, files)
	}
}

// exited handles the end of a process, after all its frames.
func (s *Supervisor) exited(c *child, r *running, x process.Exit) {
	if c.next.is(r) {
		s.successorExited(c, c.next, x)
		return
	}
	if c.run != r {
		return
	}
	defer s.notice()
	incarnation, ready := c.incarnation, c.ready
	reason := s.record(c, r, x)
	if !ready && c.declared == wire.ReasonIgnore && x.Kind == wire.ExitNormal {
		s.event(EventIgnored, c, "")
		s.stepIn(c.branch, tree.Ignored{ID: c.id, Incarnation: incarnation})
		return
	}
	s.stepIn(c.branch, tree.Exited{ID: c.id, Incarnation: incarnation, Reason: reason})
}

// record notes how a process has ended, and what becomes of its mailbox.
func (s *Supervisor) record(c *child, r *running, x process.Exit) tree.Reason {
	c.run = nil
	if r.subtree {
		c.sub = nil
		x.Summary = c.gaveUp(x)
	}
	c.stopTimer()
	s.forgetProcess(r, x.PID)
	if r.guard {
		x = c.guarded(x)
	}
	if !c.ready && c.failed != "" {
		x.Kind, x.Summary = wire.ExitStart, c.failed
	}
	if c.doom != nil && x.Kind != wire.ExitNormal {
		x.Kind, x.Summary = c.doom.kind, c.doom.text
	}
	if c.killed && (x.Signal == syscall.SIGKILL || c.spec.InPlace) {
		c.asked = true // it may have died by itself just before
	}
	reason := reason(c, x)
	if c.byLink(x) {
		x.Summary = fmt.Sprintf("linked with number %d, which has ended: %s", c.linked.Addr.ID, c.linked.Summary)
	}
	c.exit = c.exitOf(r, x, reason, c.asked)
	switch {
	case !c.next.follows():
		s.died(c, cause(c, x))
	case s.above != nil: // the root has the facts before it is told of the event
		s.above.send(&wire.Died{Successor: c.next.addr.Incarnation, Exit: *c.exit})
	}
	s.event(EventExited, c, "")
	if !reason.InOrder() && !c.asked && s.above == nil {
		s.logDeath(c, c.exit)
	}
	return reason
}

// exitOf is how the process r of c has ended, as it crosses the control link.
func (c *child) exitOf(r *running, x process.Exit, reason tree.Reason, asked bool) *wire.Exit {
	return &wire.Exit{
		Addr: r.addr, PID: int64(x.PID), Kind: x.Kind, Code: int64(x.Code), Signal: uint8(x.Signal), Asked: bit(asked), Core: bit(x.Core),
		Runtime: x.Runtime, CPU: x.CPU, MaxRSS: uint64(x.MaxRSS), Reason: c.word(x, reason), Summary: x.Summary, Stderr: x.Stderr, Stack: x.Stack,
	}
}

// inherits says whether what the child writes to its stderr goes to that of the
// process which has started it.
func (c Child) inherits() bool { return c.Stderr == nil && c.Command == nil && !c.InPlace }

// shows says whether what c writes to its stderr is where the log goes, too, as far
// as that can be known. What is away passes through its supervisor's process.
func (s *Supervisor) shows(c *child) bool {
	if c.away != nil {
		by := s.children[c.away.addr.ID]
		return c.shown && by != nil && s.shows(by)
	}
	return c.spec.inherits() && s.log == slog.Default()
}

// logDeath writes the crash report of c, with what is known and no empty fields. When
// its stderr was shown already, the stacks of its goroutines are not repeated.
func (s *Supervisor) logDeath(c *child, x *wire.Exit) {
	args := []any{"child", c.name, "incarnation", c.incarnation, "pid", x.PID, "exit", x.Summary, "runtime", x.Runtime.Round(time.Millisecond)}
	if x.Type != "" {
		args = append(args, "message", x.Type)
	}
	end := x.Stderr
	if s.shows(c) {
		end, _, _ = strings.Cut(end, "\n\ngoroutine ")
	}
	end = strings.TrimRight(end, "\n")
	if what, ok := strings.CutSuffix(end, x.Summary); ok && x.Kind == wire.ExitStart && !strings.Contains(what, "\n") {
		end = "" // what its Setup returned, once more
	}
	if end != "" {
		args = append(args, "stderr", end)
	}
	s.log.Error("child died", args...)
}

// notice tells the watchers of those that have died: when the rules have dealt
// with it, and before anybody learns that a supervisor has ended.
func (s *Supervisor) notice() {
	for _, exit := range s.unnoticed {
		if s.above != nil {
			s.above.send(&wire.Retire{From: exit.Addr})
		} else {
			s.keeper.Notify(exit)
		}
	}
	s.unnoticed = nil
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
	case c.asked || c.byLink(x):
		return tree.Asked
	case x.Signal == 0, c.doom != nil && !c.suspended:
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
	case c.overdue && (x.Signal == syscall.SIGKILL || c.spec.InPlace):
		return tree.Killed
	case c.byLink(x):
		return reasonOf(c.linked.Reason)
	case x.Kind == wire.ExitNormal && reasonOf(c.declared) == tree.ShutdownWith:
		return tree.ShutdownWith
	case x.Kind == wire.ExitNormal && (c.asked || c.declared == wire.ReasonShutdown):
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
