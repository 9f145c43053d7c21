package supervisor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// child is what the loop knows of one child.
type child struct {
	id         uint32
	name       string      // its full path
	spec       *Child      // without the name; see alike
	definition string      // name of what it runs, or, for a pool, of what its members run
	program    string      // its executable; "" is the root's
	branch     *branch     // the supervisor that it is a child of
	listed     bool        // it is in a Spec's Children
	held       bool        // its mailbox is kept while its supervisor is restarted
	gone       bool        // EventGone was reported, and no start since
	timer      *time.Timer // of its time to become ready, or to end
	retry      *time.Timer // of its backoff

	life                    // of the current incarnation, or of the last one
	issued      uint32      // the highest incarnation number used, even if that one never took over
	suspensions int         // how often it was stopped by a signal
	exit        *wire.Exit  // of the last incarnation that has ended
	next        *successor  // while it is being replaced
	wanted      Replacement // the parameters of the current or next replacement
	failure     error       // why the last replacement failed

	stdout, stderr *output       // for all incarnations
	dropped        atomic.Uint64 // lines of its output, over all incarnations

	// Of a supervisor:
	sub      *branch           // its branch, while it runs
	static   map[string]*child // the children made from its Spec, by name; if it is away, those that were set aside
	why      error             // why its last incarnation ended by itself
	resizing bool              // of a pool
	sized    bool              // of a pool that is away: Resize was called

	// Of a member that leaves its pool:
	retiring bool               // it ends when its mailbox is empty
	retire   func(running bool) // continues a Resize that has to end it, but came between two incarnations

	// If another process drives its supervisor:
	away      *running   // that process
	sort      uint8      // one of the wire's sorts
	shown     bool       // its stderr is that of its supervisor's process
	up        bool       // its start was reported, but not yet its end
	unnoticed *wire.Exit // a death that its supervisor has not dealt with yet
	spare     *wire.Exit // of the process that last ended beside its successor or predecessor
}

// life is what the loop knows of one incarnation of a child.
type life struct {
	incarnation uint32
	pid         int
	run         *running        // nil when it has ended, and always for a supervisor in this process
	types       []wire.TypeName // that its process handles
	ready       bool
	suspended   bool        // stopped by a signal
	asked       bool        // its end was asked for
	killed      bool        // Kill was called
	buried      bool        // it will not be started again, unless by hand or with its supervisor
	overdue     bool        // it was killed because its time to end was over, or by BrutalKill
	linked      *wire.Exit  // of the linked actor whose end also ends this one; its Summary says so
	doom        *doom       // why it was killed, if its exit has to say so
	refusal     error       // the refused limit because of which it did not start
	failed      string      // why its Setup has failed; of a supervisor, also why it gave up
	declared    string      // the reason of its end, as it has declared it
	report      *wire.Ended // how a command ended, as its guardian has reported
}

// StartError says that a child was not started, and why.
type StartError struct {
	Child string
	Text  string     // the error of its Setup, if it got that far
	Exit  actor.Exit // how its process ended

	// Err is, for a supervisor, which of its children did not start, or why it gave up;
	// otherwise a *RefusedError, a *transport.LimitError, or what may have kept the
	// process from reaching its Setup.
	Err error
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

// begin begins an incarnation.
func (c *child) begin(incarnation uint32) {
	c.issued = max(c.issued, incarnation)
	c.life = life{incarnation: incarnation}
}

// addr is the address of c's current incarnation, or of its last one.
func (c *child) addr() wire.Addr { return wire.Addr{ID: c.id, Incarnation: c.incarnation} }

// spawn starts the process of an incarnation.
func (s *Supervisor) spawn(c *child, incarnation uint32) {
	c.begin(incarnation)
	if incarnation > 1 {
		s.restarts.Add(1)
	}
	if c.spec.driven() {
		s.spawnBranch(c)
		return
	}
	r, err := s.launch(c, c.addr(), c.program)
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
	fault.Hit("supervisor.launched")
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

// connected tells the keeper or the root, whichever holds the mailboxes, that a process
// runs.
func (s *Supervisor) connected(c *child, r *running) {
	if s.above == nil {
		if r.subtree {
			c.sub = &branch{path: c.name, self: c, away: r}
		}
		s.keeper.Back(c.id)
		s.keeper.Begin(r.addr, c.definition, s.poster(r))
		return
	}
	s.above.started(r)
}

// notStarted records that an incarnation has no process because of err. before, if
// not nil, is called just before the rules learn of it.
func (s *Supervisor) notStarted(c *child, err error, before func()) {
	addr := c.addr()
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

// reap is called when a process of c has ended. It waits until everything that the
// process has sent was handled, and then tells the loop.
func (s *Supervisor) reap(c *child, r *running) {
	s.drain(r)
	r.flushOutputs()
	if r.limited != nil {
		<-r.limited
	}
	s.post(func() { s.exited(c, r, r.proc.Exit()) })
}

// drain waits until everything that a dead process has sent was handled and, if it was a
// supervisor, everything below it is gone.
func (s *Supervisor) drain(r *running) {
	if s.above != nil {
		s.above.send(&wire.Drained{From: r.addr})
		<-r.drained.Done() // if the root is gone, this process will be killed
		return
	}
	r.closeLink()
	<-r.drained.Done()
}

// closeLink is called when a process has ended. What it has sent is still read; after
// that the link ends, even if another process has a copy of its other end.
func (r *running) closeLink() {
	if l, ok := r.link.(interface{ CloseRead() error }); ok {
		_ = l.CloseRead()
		return
	}
	r.link.Close()
}

// deaf says whether c's process has closed its link and goes on, as a library may cause
// that closes every descriptor it does not know. An actor that ends in order says so
// before it closes its link.
func (c *child) deaf() bool {
	p, ok := c.run.proc.(*process.Process)
	return ok && c.spec.Actor != nil && c.run.drained.Over() && c.declared == "" && p.Alive()
}

// late says what c did not do in time.
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

// frame handles a frame of a process. files are as many as belong to f.
func (s *Supervisor) frame(r *running, f wire.Frame, files []transport.File) {
	if r.addr.ID != 0 && !r.subtree { // what a supervisor reports, such as deaths, is not its own doing
		s.cause = r.addr
		defer func() { s.cause = wire.Addr{} }()
	}
	c := s.children[r.addr.ID]
	if cmd, ok := f.(*wire.Command); ok {
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
		s.keeper.Frame(r.addr, f, files) // from this process itself, or a dead one
		return
	}
	switch f := f.(type) {
	case *wire.Ready:
		if !c.ready && !s.limitsPending(c, r, f) {
			c.ready = true
			if !c.asked && c.linked == nil { // otherwise the timer bounds its end
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

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
