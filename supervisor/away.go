package supervisor

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// The root's side of supervisors in other processes. The root knows the children of
// such a supervisor, holds their mailboxes and reads their links, but decides nothing. A
// child is called away if another process drives its supervisor; c.away is that process.
// A supervisor that is away has a branch without a machine.

// passOn handles a frame that is not for the rules of this process, and says whether it
// has.
func (s *Supervisor) passOn(c *child, r *running, f wire.Frame, files []transport.File) bool {
	if s.above != nil {
		return c == nil || c.run != r // from a dead process
	}
	if r.subtree {
		if s.fromSubtree(r, f, files) {
			return true
		}
		if _, ok := f.(*wire.Ready); ok && c != nil && c.run == r {
			s.dropKept(c) // children that have not come back by now never will
		}
	}
	if c == nil || c.run != r || c.away == nil {
		return false
	}
	switch f.(type) {
	case *wire.Ready:
		if !c.ready {
			c.ready = true
			s.enterPool(c)
			s.watch(c, r)
		}
	case *wire.Failed, *wire.Exiting, *wire.Ended:
	default:
		return false
	}
	s.toSupervisor(c, f)
	return true
}

// toSupervisor passes a frame from a child to the supervisor that has started it.
func (s *Supervisor) toSupervisor(c *child, f wire.Frame) {
	s.poster(c.away)(&wire.Below{Child: c.addr(), Frame: wire.Append(nil, f)})
}

// fromSubtree handles a frame from a supervisor's process. If it returns true, it has
// taken files.
func (s *Supervisor) fromSubtree(r *running, f wire.Frame, files []transport.File) bool {
	switch f := f.(type) {
	case *wire.Enroll:
		r.queue.post(s.enrollAway(r, f))
	case *wire.Adopt:
		s.adopt(r, f, files[0].(*os.File))
	case *wire.Started:
		s.startedAway(r, f, files)
	case *wire.Below:
		s.tellChild(r, f)
	case *wire.Died:
		s.diedAway(r, f)
	case *wire.Left:
		s.leftAway(r, f)
	case *wire.Retire:
		if c := s.childOf(r, f.From.ID); c != nil && c.unnoticed != nil && c.unnoticed.Addr == f.From {
			s.noticeAway(c)
		}
	case *wire.Leaving:
		if c := s.childOf(r, f.ID); c != nil && c.pooled() {
			c.listed, c.retiring = false, true
			s.keeper.Leave(c.branch.self.id, c.id)
		}
	case *wire.Event:
		s.eventAway(r, f)
	case *wire.Answer:
		s.answerAway(r, f)
	case *wire.Drained:
		s.hurry(r, f.From)
	default:
		return false
	}
	return true
}

// childOf returns the child with that number if r drives its supervisor, and otherwise
// nil.
func (s *Supervisor) childOf(r *running, id uint32) *child {
	if c := s.children[id]; c != nil && c.away == r {
		return c
	}
	return nil
}

// enrollAway gives a child its number: the old one, if the child existed before.
func (s *Supervisor) enrollAway(r *running, f *wire.Enroll) *wire.Enrolled {
	parent := s.children[f.Parent]
	if parent == nil || parent.sub == nil || parent.sub.away != r || f.Name == "" || strings.Contains(f.Name, "/") ||
		f.Sort < wire.SortActor || f.Sort > wire.SortSubtree || f.Route > wire.RouteBroadcast || f.Route != 0 && f.Sort != wire.SortSupervisor {
		return &wire.Enrolled{Token: f.Token, Problem: fmt.Sprintf("%q is no child of number %d", f.Name, f.Parent)}
	}
	b := parent.sub
	whole := b.pathOf(f.Name)
	c := s.keptAway(parent, whole, f)
	if c == nil {
		s.lastID++
		c = &child{id: s.lastID, sort: f.Sort, definition: f.Definition, name: whole, spec: &Child{Watchdog: f.Watchdog}}
		switch {
		case f.Route != 0:
			s.keeper.AddPool(c.id, whole, f.Route)
		case f.Sort != wire.SortSupervisor:
			s.keeper.Add(c.id, whole, f.Mailbox)
		}
		s.children[c.id] = c
	}
	c.branch, c.away, c.listed, c.spare, c.shown = b, r, f.Listed == 1, nil, f.Shown == 1
	by := s.children[r.addr.ID] // only an Operator may have Operators below it
	spec := *c.spec
	spec.Operator = f.Operator == 1 && by != nil && by.spec.Operator
	switch f.Sort {
	case wire.SortSupervisor:
		spec.Supervisor = &Spec{}
		if f.Route != 0 {
			spec.Supervisor.pool = &Pool{Route: Route(f.Route)}
		}
		c.sub = &branch{path: whole, self: c, away: r}
	case wire.SortSubtree:
		spec.Subtree = &Definition{name: f.Definition}
	}
	c.spec = s.alike(f.Definition, spec)
	return &wire.Enrolled{Token: f.Token, Child: wire.Addr{ID: c.id, Incarnation: max(c.incarnation, c.issued)}, Program: c.program, Members: s.keptMembers(c)}
}

// keptMembers returns the names of the members that were kept for a pool, if it was
// resized: then its definition does not know how many there are.
func (s *Supervisor) keptMembers(c *child) (numbers []uint32) {
	if !c.sized {
		return nil
	}
	for _, x := range s.keptFor(c) {
		if n, err := strconv.ParseUint(path.Base(x.name), 10, 32); err == nil {
			numbers = append(numbers, uint32(n))
		}
	}
	return numbers
}

// keptAway finds a child that was kept while its supervisor was restarted, or set aside
// before.
func (s *Supervisor) keptAway(parent *child, path string, f *wire.Enroll) *child {
	same := func(c *child) bool { return c.sort == f.Sort && c.definition == f.Definition && c.route() == f.Route }
	if c := s.kept[path]; c != nil && same(c) {
		delete(s.kept, path)
		return c
	}
	c := parent.static[f.Name]
	if c == nil || f.Listed == 0 || !same(c) {
		return nil
	}
	delete(parent.static, f.Name)
	s.children[c.id] = c
	return c
}

// adopt takes the link of a process that is about to be started, and connects the
// process with its mailbox.
func (s *Supervisor) adopt(r *running, f *wire.Adopt, link *os.File) {
	c, addr, next := s.childOf(r, f.Child.ID), f.Child, f.StandBy == 1
	if c == nil || addr.Incarnation <= max(c.incarnation, c.issued) || c.sort == wire.SortSupervisor ||
		next != (c.run != nil) || next && (c.next != nil || c.sort != wire.SortActor) {
		s.log.Error("link refused: no such child, or it runs", "from", r.addr, "child", addr)
		link.Close()
		return
	}
	run, err := s.serveFile(addr, link)
	if err != nil {
		s.log.Error("link of a child cannot be served", "child", c.name, "err", err)
		return
	}
	s.noticeAway(c)
	run.away, run.begun, run.subtree, run.guard = r, time.Now(), c.sort == wire.SortSubtree, c.sort == wire.SortCommand
	c.issued = addr.Incarnation
	if next {
		s.adoptSuccessor(c, run)
		return
	}
	c.begin(addr.Incarnation)
	c.run = run
	if addr.Incarnation > 1 {
		s.restarts.Add(1)
	}
	s.connected(c, run)
	if addr.Incarnation > 1 {
		s.enterPool(c) // its mailbox takes messages
	}
}

// startedAway records which process an incarnation is.
func (s *Supervisor) startedAway(r *running, f *wire.Started, files []transport.File) {
	c := s.childOf(r, f.Child.ID)
	run := c.process(f.Child)
	if run == nil {
		closeFiles(files)
		return
	}
	if run == c.run {
		c.pid = int(f.PID)
	} else {
		c.next.self.pid = int(f.PID)
	}
	if len(files) == 0 {
		return
	}
	far, err := process.NewFar(files[0].(*os.File), s.pidOf(r))
	if err != nil {
		return // it, or r and then soon it, has ended; the end of its link will show that
	}
	s.mu.Lock()
	run.far = far
	s.mu.Unlock()
}

// process returns the process of that incarnation of c, or of its successor, or nil.
func (c *child) process(addr wire.Addr) *running {
	switch {
	case c == nil:
	case c.run != nil && c.run.addr == addr:
		return c.run
	case c.next.at(addr):
		return c.next.self.run
	}
	return nil
}

func (s *Supervisor) pidOf(r *running) int {
	switch {
	case r.proc != nil:
		return r.proc.PID()
	case r.far != nil:
		return r.far.PID()
	}
	return 0
}

// tellChild passes on what a supervisor tells its child: to end, or a step of a
// replacement.
func (s *Supervisor) tellChild(r *running, f *wire.Below) {
	inner, err := wire.Parse(f.Frame)
	c := s.childOf(r, f.Child.ID)
	if err != nil || c == nil || c.run == nil || c.run.addr != f.Child {
		return
	}
	switch inner := inner.(type) {
	case *wire.Stop:
		if inner.Reason == wire.ReasonReplaced && c.next != nil {
			c.next.committed = true
		}
		c.asked = c.asked || inner.Reason == wire.ReasonShutdown || inner.Reason == wire.ReasonReplaced
		c.run.queue.post(inner)
	case *wire.Handover:
		s.handOverAway(c, inner)
	case *wire.Drain:
		c.asked = true
		s.drainMailbox(c)
	}
}

// hurry makes the link of a process that has ended be read to its end, and then tells
// its supervisor so.
func (s *Supervisor) hurry(r *running, addr wire.Addr) {
	if run := s.childOf(r, addr.ID).process(addr); run != nil {
		run.closeLink()
		return
	}
	r.queue.post(&wire.Drained{From: addr})
}

// childrenAway returns the matching children that are away, ordered by number.
func (s *Supervisor) childrenAway(match func(*child) bool) (all []*child) {
	for _, c := range s.children {
		if c.away != nil && match(c) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *child) int { return cmp.Compare(a.id, b.id) })
	return all
}

// eventAway reports an event that a supervisor in another process has told.
func (s *Supervisor) eventAway(r *running, f *wire.Event) {
	c := s.childOf(r, f.Child.ID)
	if c == nil {
		return
	}
	kind := EventKind(f.What)
	if x := c.beside(kind, f); x != nil {
		s.event(kind, x, f.Text)
		return
	}
	c.incarnation, c.pid = max(c.incarnation, f.Child.Incarnation), int(f.PID)
	switch kind {
	case EventStarting:
		c.up, c.buried = true, false
		if c.route() != 0 {
			s.keeper.BeginPool(c.id)
		}
	case EventExited:
		c.up = false
	case EventSuspended:
		c.suspended = true
	case EventContinued:
		c.suspended = false
	case EventGone:
		return // the root makes this event itself, when the mailbox is closed
	}
	s.event(kind, c, f.Text)
}
