package supervisor

import (
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// How the root records the ends of what is away: of a child, as its supervisor reports
// it, and of that supervisor with everything below it.

// diedAway records the end of an incarnation that its supervisor reports.
func (s *Supervisor) diedAway(r *running, f *wire.Died) {
	c := s.childOf(r, f.Exit.Addr.ID)
	if c == nil {
		return
	}
	if c.killed && c.run != nil && c.run.addr == f.Exit.Addr && syscall.Signal(f.Exit.Signal) == syscall.SIGKILL {
		f.Exit.Asked, f.Cause = 1, uint8(tree.Asked) // by Kill, of which its supervisor does not know
	}
	switch {
	case c.next.at(f.Exit.Addr):
		s.successorDiedAway(c, &f.Exit)
		return
	case c.next != nil && c.next.addr.Incarnation == f.Successor:
		s.takeOverAway(c, &f.Exit)
		return
	}
	s.endedAway(c, &f.Exit, tree.Cause(f.Cause))
	if f.Exit.Asked == 0 && !reasonOf(f.Exit.Reason).InOrder() {
		s.logDeath(c, &f.Exit)
	}
}

func (s *Supervisor) endedAway(c *child, exit *wire.Exit, cause tree.Cause) {
	c.exit, c.asked, c.suspended = exit, false, false
	if c.sort == wire.SortSubtree {
		c.sub = nil
	}
	if run := c.run; run != nil && run.addr == exit.Addr {
		c.run = nil
		s.forgetAway(run)
	}
	if c.sort == wire.SortSupervisor {
		return // it has no mailbox; a pool lasts as long as it has members
	}
	s.keeper.Died(exit, cause)
	c.unnoticed = exit
}

// noticeAway tells the watchers of a child that it has died.
func (s *Supervisor) noticeAway(c *child) {
	if c.unnoticed != nil {
		s.keeper.Notify(c.unnoticed)
		c.unnoticed = nil
	}
}

// forgetAway stops serving the link of a process that another process has started.
func (s *Supervisor) forgetAway(run *running) {
	s.mu.Lock()
	far := run.far
	run.far = nil
	s.mu.Unlock()
	if far != nil {
		far.Close()
	}
	s.forget(run)
}

// leftAway records that a child will not be restarted, or was forgotten.
func (s *Supervisor) leftAway(r *running, f *wire.Left) {
	c := s.childOf(r, f.ID)
	switch {
	case c == nil:
		return
	case f.Forgotten == 0:
		s.bury(c)
	case c.run != nil || c.next != nil:
		s.log.Error("a supervisor forgets a child that runs: refused", "from", r.addr, "child", c.name)
		return
	case c.listed:
		s.setAside(c)
	default:
		s.drop(c)
	}
	s.noticeAway(c)
}

// drop forgets a child that is away, and the children that were kept for it.
func (s *Supervisor) drop(c *child) {
	if s.kept[c.name] == c {
		delete(s.kept, c.name)
	}
	s.bury(c)
	s.dropAll(s.keptFor(c))
	delete(s.children, c.id)
	s.forgotten(c)
}

// setAside does the same, but the next incarnation of the supervisor that lists the child
// gets it back: it starts what it lists, also what it has forgotten because it was
// temporary or deleted.
func (s *Supervisor) setAside(c *child) {
	s.bury(c)
	s.dropAll(s.keptFor(c))
	delete(s.children, c.id)
	sup := c.branch.self
	if sup.static == nil {
		sup.static = map[string]*child{}
	}
	name := path.Base(c.name)
	if x := sup.static[name]; x != nil { // a member of a pool that had this one's name before
		s.forgotten(x)
	}
	sup.static[name] = c
}

func (s *Supervisor) dropAll(children []*child) {
	for _, c := range children {
		s.drop(c)
	}
}

// keptFor returns the children of c, a supervisor that is away, that were kept for its
// next incarnation.
func (s *Supervisor) keptFor(c *child) []*child {
	if !c.supervises() {
		return nil
	}
	return s.childrenAway(func(x *child) bool { return x.branch.self == c && s.kept[x.name] == x })
}

// dropKept forgets the children that were kept or set aside for c, or for a supervisor that
// c's process drives, and have not come back.
func (s *Supervisor) dropKept(c *child) {
	s.dropAll(s.keptFor(c))
	for name, x := range c.static {
		if c.sub == nil || c.sub.away != x.away { // not by c's present process
			delete(c.static, name)
			s.forgotten(x)
		}
	}
	for _, x := range s.childrenAway(func(x *child) bool { return x.branch.self == c && x.sort == wire.SortSupervisor }) {
		s.dropKept(x)
	}
}

// readToEnd is called when the link of a process has been read to its end.
func (s *Supervisor) readToEnd(r *running) {
	if !s.post(func() { s.linkRead(r) }) {
		r.drained.Come()
	}
}

func (s *Supervisor) linkRead(r *running) {
	done := func() {
		r.drained.Come()
		if r.away != nil {
			r.away.queue.post(&wire.Drained{From: r.addr})
		}
	}
	if !r.subtree {
		done()
		return
	}
	r.lost = true
	if r.proc != nil { // without its link it is useless
		_ = r.proc.KillGroup()
	} else if r.far != nil {
		_ = r.far.Kill()
	}
	s.endBelow(r, done)
}

// endBelow ends everything that a supervisor's process has left behind, and calls done
// when nothing of it remains. It cannot kill a child whose process it does not know:
// one started just before its supervisor's end, or any if the kernel has no pidfds.
// Such a child ends by itself when its liveness pipe closes. endBelow waits for it too,
// by its link, whose other end only that child has.
func (s *Supervisor) endBelow(r *running, done func()) {
	s.failAway(r)
	all := s.childrenAway(func(c *child) bool { return c.away == r })
	alive := map[*running]*process.Far{}
	end := func(x *running) {
		alive[x] = x.far
		if x.far != nil {
			_ = x.far.Kill()
		}
	}
	for _, c := range all {
		if c.run != nil {
			end(c.run)
		}
		if c.next != nil {
			end(c.next.self.run)
		}
	}
	go func() {
		for x, far := range alive {
			if far != nil {
				far.Wait()
				x.closeLink()
			}
			<-x.drained.Done()
		}
		s.post(func() {
			slices.Reverse(all) // children before the supervisor above them
			for _, c := range all {
				s.lostWith(c, r)
			}
			done()
		})
	}()
}

// lostWith records that a child has ended because the process of its supervisor has.
// This death is not charged to the message that it had in hand.
func (s *Supervisor) lostWith(c *child, r *running) {
	exit := &wire.Exit{Addr: c.addr(), PID: int64(c.pid), Kind: wire.ExitSignal, Code: -1,
		Signal: uint8(syscall.SIGKILL), Asked: 1, Reason: wire.ReasonKilled, Summary: "killed, because its supervisor's process has ended"}
	if c.run != nil {
		exit.Runtime = time.Since(c.run.begun)
	}
	defer s.noticeAway(c)
	s.successorLost(c, *exit)
	if c.run != nil || c.up {
		s.endedAway(c, exit, tree.Asked)
	}
	if c.up {
		c.up = false
		s.event(EventExited, c, "")
	}
	if c.sort == wire.SortSupervisor {
		c.sub = nil
	}
	if c.listed {
		if x := s.kept[c.name]; x != nil { // of another kind, which that supervisor listed before, and not now
			s.drop(x)
		}
		s.kept[c.name] = c
		return
	}
	s.drop(c)
}
