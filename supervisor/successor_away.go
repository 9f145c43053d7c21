package supervisor

import (
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// How a child below a supervisor in another process is replaced. The supervisor decides,
// starts and reaps. The root has the mailbox and both links, so everything between the
// two processes passes through it:
//
//	supervisor              root                    old, new process
//	Adopt, standing by ───► Begin, Handover 1 ────► new
//	                ◄────── Below: Ready ◄───────── new
//	Below: Handover 2 ────► are they compatible? ─► old
//	                        State ◄──────────────── old
//	                        State ────────────────► new
//	                ◄────── Below: Taken ◄───────── new
//	Below: Stop "replaced" ───────────────────────► old
//	reaps it
//	Died, Successor ──────► the mailbox ──────────► new
//
// If the root finds something wrong, it sends an order, and the supervisor gives up the
// replacement, as it does for reasons of its own.

// standBy says whether the process with that address is a successor that is about to be
// started.
func (s *Supervisor) standBy(addr wire.Addr) bool {
	c := s.children[addr.ID]
	return c != nil && c.next.at(addr)
}

// standsBy tells the keeper or the root that a successor runs.
func (s *Supervisor) standsBy(n *successor, r *running) {
	if s.above != nil {
		s.above.started(r)
		return
	}
	s.keeper.StandBy(n.addr, n.self.definition, s.poster(r))
}

// adoptSuccessor connects the process of a successor.
func (s *Supervisor) adoptSuccessor(c *child, run *running) {
	n := &successor{addr: run.addr, began: run.begun}
	n.self = &child{id: c.id, name: c.name, spec: new(Child), definition: c.definition, branch: c.branch,
		sort: c.sort, program: c.program, life: life{incarnation: run.addr.Incarnation, run: run}}
	c.next = n
	s.keeper.StandBy(n.addr, c.definition, s.poster(run))
}

// handOverAway carries out what the supervisor of c asks of c's old process.
func (s *Supervisor) handOverAway(c *child, f *wire.Handover) {
	n := c.next
	if n == nil || n.addr.Incarnation != f.Successor || n.abandoned {
		return
	}
	switch f.Step {
	case wire.StepGive:
		s.handOver(c)
	case wire.StepGoOn:
		s.goOn(c, n)
		n.abandoned = true
	}
}

// giveUpAway tells the supervisor of c why the replacement has to be given up.
func (s *Supervisor) giveUpAway(c *child, n *successor, step string, err error) {
	s.order(c.away, order{What: orderGiveUp, ID: c.id, Incarnation: n.addr.Incarnation, Text: step, Err: textOf(err)}, nil)
}

// takeOverAway makes the successor of c the child's process.
func (s *Supervisor) takeOverAway(c *child, exit *wire.Exit) {
	n, before := c.next, c.run
	c.next = nil
	c.life, c.program = n.self.life, n.self.program
	c.exit, c.spare, c.ready = exit, exit, true
	if before != nil {
		s.forgetAway(before)
	}
	s.keeper.TakeOver(exit)
	s.watch(c, c.run)
}

// successorDiedAway records the end of a successor that had not taken over.
func (s *Supervisor) successorDiedAway(c *child, exit *wire.Exit) {
	n := c.next
	c.next, c.spare = nil, exit
	s.forgetAway(n.self.run)
	s.keeper.SuccessorDied(n.addr)
}

// successorLost does the same for one that has ended with the process of its supervisor.
func (s *Supervisor) successorLost(c *child, exit wire.Exit) {
	n := c.next
	if n == nil {
		return
	}
	exit.Addr, exit.PID = n.addr, int64(n.self.pid)
	s.successorDiedAway(c, &exit)
	n.self.exit = &exit
	if n.self.up {
		s.event(EventExited, n.self, "")
		s.event(EventAbandoned, n.self, exit.Summary)
	}
}

// beside returns the process that an event is about if it is not c's current one, but
// its successor, or one that has ended beside it. Otherwise it returns nil.
func (c *child) beside(kind EventKind, f *wire.Event) *child {
	n, x := c.next, c.spare
	switch {
	case n.at(f.Child):
		n.self.pid = int(f.PID)
		if kind == EventReplacing {
			n.self.up, n.self.program = true, f.Text
		}
		return n.self
	case x != nil && x.Addr == f.Child && slices.Contains([]EventKind{EventReplacing, EventAbandoned, EventExited}, kind):
		return &child{id: c.id, name: c.name, spec: new(Child), branch: c.branch, exit: x, life: life{incarnation: f.Child.Incarnation, pid: int(f.PID)}}
	}
	return nil
}

// isActor says whether a child is an actor, and so has a mailbox.
func (c *child) isActor() bool {
	if c.away != nil {
		return c.sort == wire.SortActor
	}
	return c.spec.Actor != nil
}

// supervises says whether c is a supervisor.
func (c *child) supervises() bool {
	if c.away != nil {
		return c.sort == wire.SortSupervisor || c.sort == wire.SortSubtree
	}
	return c.spec.supervises()
}

// driven says whether c is a supervisor without a process of its own.
func (c *child) driven() bool {
	if c.away != nil {
		return c.sort == wire.SortSupervisor
	}
	return c.spec.driven()
}
