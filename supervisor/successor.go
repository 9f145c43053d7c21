package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// successor is the process that is about to take over a child.
type successor struct {
	self      *child // what the loop knows of the new process, like a child; in no table
	addr      wire.Addr
	began     time.Time
	paused    time.Time // when its predecessor was asked to hand over, or zero
	limit     time.Duration
	timer     *time.Timer
	state     *wire.State // the state that it was given
	committed bool
	abandoned bool
	why       string        // why it was given up
	end       *process.Exit // set if it died before it could take over
}

// is says whether r is the process of n.
func (n *successor) is(r *running) bool { return n != nil && r != nil && n.self.run == r }

// at says whether n has that address.
func (n *successor) at(addr wire.Addr) bool { return n != nil && n.addr == addr }

// follows says whether n would take over if its predecessor ended now.
func (n *successor) follows() bool { return n != nil && n.committed && !n.abandoned }

// waitedFor says whether the predecessor is paused because of n.
func (n *successor) waitedFor() bool { return n != nil && !n.paused.IsZero() && !n.abandoned }

// spawnSuccessor starts the process of a successor.
func (s *Supervisor) spawnSuccessor(c *child, incarnation uint32) {
	program := c.program
	if c.wanted.Path != "" {
		program = c.wanted.Path
	}
	n := &successor{addr: wire.Addr{ID: c.id, Incarnation: incarnation}, began: time.Now(), limit: c.wanted.Timeout}
	n.self = &child{id: c.id, name: c.name, spec: c.spec, definition: c.definition, branch: c.branch, program: program}
	n.self.begin(incarnation)
	if n.limit == 0 {
		n.limit = c.spec.startTime()
	}
	c.next, c.failure, c.issued = n, nil, incarnation
	r, err := s.launch(c, n.addr, program)
	if err != nil {
		c.failure = &ReplaceError{c.name, "start", err}
		s.notStarted(n.self, err, func() {
			c.next = nil
			s.event(EventAbandoned, n.self, err.Error())
		})
		return
	}
	n.self.run, n.self.pid = r, r.proc.PID()
	s.standsBy(n, r)
	s.event(EventReplacing, n.self, program)
	if n.limit != Infinity {
		n.timer = s.deadline(n.limit, func() {
			if c.next == n {
				s.giveUp(c, n.step(), timeoutError(n.missing(), n.limit))
			}
		})
	}
	r.proc.Then(func() { s.reap(c, r) })
	fault.Hit("replace.spawn")
}

// step is the step that a replacement has reached, as in ReplaceError.
func (n *successor) step() string {
	switch {
	case !n.self.ready:
		return "start"
	case !n.committed:
		return "hand over"
	}
	return "take over"
}

// missing says what has not happened yet.
func (n *successor) missing() string {
	if !n.self.ready {
		return "the Setup of the new process did not return"
	}
	return "the old process did not come to the end of a message and hand over, or the new one did not take it,"
}

func (n *successor) stopTimer() {
	if n.timer != nil {
		n.timer.Stop()
	}
}

// giveUp abandons the replacement of c, if its old process can still go on.
func (s *Supervisor) giveUp(c *child, step string, err error) {
	if n := c.next; n != nil && !n.committed && !n.abandoned {
		if c.away != nil {
			s.giveUpAway(c, n, step, err)
			return
		}
		n.why = err.Error()
		s.stepIn(c.branch, tree.GiveUp{ID: c.id, Incarnation: n.addr.Incarnation, Err: &ReplaceError{c.name, step, err}})
	}
}

// successorFrame handles a frame of a successor.
func (s *Supervisor) successorFrame(c *child, n *successor, f wire.Frame, files []transport.File) {
	switch f := f.(type) {
	case *wire.Ready:
		if !n.self.ready {
			n.self.ready = true
			s.decide(c, n, f, tree.Ready{ID: c.id, Incarnation: n.addr.Incarnation})
		}
	case *wire.Failed:
		n.self.failed = f.Text
		s.decide(c, n, f, nil)
	case *wire.Exiting:
		n.self.declared = f.Reason
		s.decide(c, n, f, nil)
	case *wire.Types:
		n.self.types = s.alikeTypes(c.definition, f.Types)
		s.keeper.Frame(n.addr, f, files)
	case *wire.Taken:
		s.taken(c, n, f)
	default:
		s.keeper.Frame(n.addr, f, files)
	}
}

// taken handles the answer of a successor to the state that it was given.
func (s *Supervisor) taken(c *child, n *successor, f *wire.Taken) {
	switch {
	case f.Successor != n.addr.Incarnation:
	case s.above != nil: // the root has checked it
		s.stepIn(c.branch, tree.HandedOver{ID: c.id, Incarnation: f.Successor})
	case n.state == nil: // it was given nothing
	case f.What == wire.TakenUnknown:
		s.giveUp(c, "take over", &IncompatibleError{Type: n.state.Text, Old: n.state.Type, New: f.Type, State: true})
	case f.What != wire.TakenWhole:
		s.giveUp(c, "take over", errors.New(f.Text))
	default:
		s.decide(c, n, f, tree.HandedOver{ID: c.id, Incarnation: f.Successor})
	}
}

// decide lets the rules handle in or, if they are in another process, passes on the
// frame f that in stands for.
func (s *Supervisor) decide(c *child, n *successor, f wire.Frame, in tree.Input) {
	switch {
	case c.away != nil:
		s.poster(c.away)(&wire.Below{Child: n.addr, Frame: wire.Append(nil, f)})
	case in != nil:
		s.stepIn(c.branch, in)
	}
}

// handOver asks the old process to stop between two messages, if the new one knows all
// its types of message.
func (s *Supervisor) handOver(c *child) {
	n := c.next
	if s.above == nil { // otherwise the root does this
		if err := compatible(c.types, n.self.types); err != nil {
			s.soon = append(s.soon, func() {
				if c.next == n {
					s.giveUp(c, "start", err)
				}
			})
			return
		}
		s.keeper.HandOver(c.id)
	}
	n.paused = time.Now()
	c.run.tell(&wire.Handover{Successor: n.addr.Incarnation, Step: wire.StepGive})
	fault.Hit("replace.hand-over")
}

// compatible returns an error unless a process that knows the types of now can replace
// one that knows those of before.
func compatible(before, now []wire.TypeName) error {
	known, named := map[uint64]bool{}, map[string]uint64{}
	for _, t := range now {
		known[t.ID], named[t.Name] = true, t.ID
	}
	for _, t := range before {
		if !known[t.ID] {
			return &IncompatibleError{Type: t.Name, Old: t.ID, New: named[t.Name]}
		}
	}
	return nil
}

// handedOver passes on what the old process hands over.
func (s *Supervisor) handedOver(c *child, f *wire.State, files []transport.File) {
	var hs []*keeper.Handle
	for _, file := range files {
		hs = append(hs, keeper.NewHandle(file))
	}
	n := c.next
	if n == nil || n.addr.Incarnation != f.Successor || n.committed || n.abandoned || len(hs) != wire.Files(f) {
		keeper.ReleaseAll(hs) // this replacement was abandoned
		return
	}
	switch f.What {
	case wire.StateValue:
		n.state = f
		n.self.run.queue.post(f, hs...)
		fault.Hit("replace.state")
		return
	case wire.StateRefused:
		s.giveUp(c, "hand over", errors.New(f.Text))
	default:
		s.decide(c, n, &wire.Taken{Successor: f.Successor}, tree.HandedOver{ID: c.id, Incarnation: f.Successor})
	}
	keeper.ReleaseAll(hs)
}

// commit asks the old process, which has handed over, to end.
func (s *Supervisor) commit(c *child) {
	n := c.next
	n.committed, c.asked = true, true
	n.stopTimer()
	limit := c.spec.stopTime()
	if c.spec.Shutdown == BrutalKill {
		c.overdue = true
		_ = c.run.kill()
	} else {
		c.run.tell(&wire.Stop{Reason: wire.ReasonReplaced})
		if limit != Infinity {
			s.after(c, limit, func() { s.killLate(c, limit) })
		}
	}
	fault.Hit("replace.commit")
}

// takeOver makes the successor the child's process. The end of the old one has just been
// recorded.
func (s *Supervisor) takeOver(c *child) {
	n := c.next
	c.next = nil
	before := c.exit
	c.life, c.program = n.self.life, n.self.program
	if s.keeper != nil {
		s.keeper.TakeOver(before)
	}
	s.event(EventReplaced, c, fmt.Sprintf("pid %d replaces pid %d, after %v, with a pause of %v",
		c.pid, before.PID, time.Since(n.began).Round(time.Millisecond), time.Since(n.paused).Round(time.Microsecond)))
	if n.end != nil {
		s.record(c, c.run, *n.end)
	} else {
		s.watch(c, c.run)
	}
	fault.Hit("replace.take-over")
}

// abandon kills a successor, and lets the old process go on.
func (s *Supervisor) abandon(c *child) {
	n := c.next
	n.abandoned = true
	n.stopTimer()
	s.event(EventAbandoned, n.self, cmp.Or(n.why, "the child has ended or is being stopped"))
	if !n.committed {
		s.goOn(c, n)
	}
	if n.end != nil {
		s.forgetSuccessor(c, n)
	} else if n.self.run != nil {
		_ = n.self.run.kill()
	}
}

// goOn lets the old process go on, if it was asked to hand over.
func (s *Supervisor) goOn(c *child, n *successor) {
	if c.run == nil || n.paused.IsZero() {
		return
	}
	if s.above == nil {
		s.keeper.Resume(c.id)
	}
	c.run.tell(&wire.Handover{Successor: n.addr.Incarnation, Step: wire.StepGoOn})
}

func (s *Supervisor) forgetSuccessor(c *child, n *successor) {
	c.next = nil
	if s.above != nil {
		s.above.send(&wire.Died{Exit: *n.self.exit})
		return
	}
	s.keeper.SuccessorDied(n.addr)
}

// successorExited handles the end of a successor before it has taken over.
func (s *Supervisor) successorExited(c *child, n *successor, x process.Exit) {
	n.stopTimer()
	r := n.self.run
	reason := reason(n.self, x)
	if !n.self.ready && n.self.failed != "" {
		x.Kind, x.Summary = wire.ExitStart, oneLine(n.self.failed)
	}
	exit := n.self.exitOf(r, x, reason, n.abandoned)
	n.self.exit = exit
	why := n.self.refusal
	if why == nil && !n.self.ready && !n.abandoned && n.self.untaken() {
		why = fmt.Errorf("its process ended before its Setup had returned (%s). If its Setup did not even begin: is %s a program made with this library, "+
			"which calls supervisor.Run first thing in main?", exit.Summary, cmp.Or(n.self.program, "the file now in the place of this program's executable"))
	}
	c.failure = &ReplaceError{c.name, n.step(), &StartError{Child: c.name, Text: n.self.failed, Exit: actorExit(exit), Err: why}}
	if !n.self.ready && n.self.declared == wire.ReasonIgnore && x.Kind == wire.ExitNormal {
		c.failure = &ReplaceError{c.name, n.step(), ErrIgnored}
	}
	in := tree.Exited{ID: c.id, Incarnation: n.addr.Incarnation, Reason: reason}
	s.forgetProcess(r, x.PID)
	if n.follows() {
		n.end = &x // its predecessor's end comes first
		s.stepIn(c.branch, in)
		return
	}
	if !n.abandoned {
		s.goOn(c, n)
	}
	s.forgetSuccessor(c, n)
	s.event(EventExited, n.self, "")
	if !n.abandoned {
		s.event(EventAbandoned, n.self, x.Summary)
	}
	s.stepIn(c.branch, in)
}
