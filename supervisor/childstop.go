package supervisor

import (
	"fmt"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// How a child is asked to end, and killed when its time is over.

// after makes the loop call f after d, unless c's timer is set again or stopped.
func (s *Supervisor) after(c *child, d time.Duration, f func()) {
	c.stopTimer()
	var t *time.Timer
	t = s.deadline(d, func() {
		if c.timer == t {
			f()
		}
	})
	c.timer = t
}

// If a timer is so late that this process must have been stopped by a signal, or had no
// processor, then what arrived in the meantime may not have been read yet.
const (
	lateTimer  = 100 * time.Millisecond
	catchingUp = time.Second // at most
	catchUps   = 3           // for a machine on which every timer is late
)

// deadline makes the loop call f after d, the time that a child had for something. What
// the child did in time counts even if this process slept through the end of d.
func (s *Supervisor) deadline(d time.Duration, f func()) *time.Timer {
	due, left := time.Now().Add(d), catchUps
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.post(func() {
			if late := time.Since(due); late > lateTimer && left > 0 {
				left--
				grace := min(late, catchingUp)
				due = time.Now().Add(grace)
				t.Reset(grace)
				return
			}
			f()
		})
	})
	return t
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

// stopAll does the same for children that stop together, at least one: they share a
// timer.
func (s *Supervisor) stopAll(children []*child) {
	for _, c := range children {
		s.stopOne(c)
	}
	limit := children[0].spec.stopTime() // they are of one template
	if limit == Infinity || children[0].spec.Shutdown == BrutalKill {
		return
	}
	s.deadline(limit, func() {
		for _, c := range children {
			s.killLate(c, limit)
		}
	})
}

// stopOne asks a child to end, and returns how long it may take.
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
	case c.run == nil, c.overdue: // its death will be handled next
		limit = Infinity
	case c.spec.Shutdown == BrutalKill:
		c.asked = true
		s.killOverdue(c, "brutal kill")
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
		s.killOverdue(c, fmt.Sprintf("did not end within %v", limit))
	}
}

// killOverdue kills a child that gets no more time to end. It may have been killed before,
// and not be dead yet: its supervisor is killed while it stops its children.
func (s *Supervisor) killOverdue(c *child, why string) {
	if c.overdue {
		return
	}
	c.overdue = true
	_ = c.run.kill()
	s.event(EventKilled, c, why)
}
