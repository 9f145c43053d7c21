package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/wire"
)

// A process can fail to make progress in two ways. The kernel reports that it was
// stopped by a signal: that is a fact, and Child.MaxStopped applies. An actor that hangs
// shows in the pages of its mailbox, which the keeper holds: for the whole time of
// Child.Watchdog a message was in hand or waiting, and none was completed. The child
// itself is never asked.

// doom is why the supervisor has killed a process, in the words of its exit.
type doom struct {
	kind uint8
	text string
}

// suspended records that a process was stopped by a signal, or continued.
func (s *Supervisor) suspended(r *running, stopped bool) {
	c := s.children[r.addr.ID]
	if c == nil || c.run != r || c.suspended == stopped {
		return
	}
	c.suspended = stopped
	if !stopped {
		s.event(EventContinued, c, "")
		return
	}
	s.event(EventSuspended, c, "")
	s.log.Warn("child was stopped by a signal", "child", c.name, "pid", c.pid)
	c.suspensions++
	if n, limit := c.suspensions, c.spec.MaxStopped; limit > 0 {
		s.deadline(limit, func() {
			if c.run == r && c.suspended && c.suspensions == n {
				c.doom = &doom{wire.ExitWatchdog, fmt.Sprintf("was stopped by a signal for longer than %v", limit)}
				s.event(EventKilled, c, c.doom.text)
				_ = r.kill()
			}
		})
	}
}

// watchdog measures how long an actor has completed nothing.
type watchdog struct {
	mark    uint64
	work    bool // there was some when it looked last
	stalled time.Duration
	at      time.Time
	cpu     process.CPUWait
}

// Ticks of the watchdog: how many in its time, and the shortest.
const (
	watchTicks   = 8
	minWatchTick = 5 * time.Millisecond
)

// watch starts the watchdog of an actor that is ready.
func (s *Supervisor) watch(c *child, r *running) {
	limit := c.spec.Watchdog
	if limit <= 0 || s.above != nil { // the root looks: it has the mailboxes
		return
	}
	tick := max(limit/watchTicks, minWatchTick)
	w := &watchdog{at: time.Now()}
	var next func()
	next = func() {
		if c.run != r || c.asked {
			return
		}
		if p := s.keeper.Progress(c.id); w.hangs(p, c, tick) {
			s.hung(c, r, p)
			return
		}
		time.AfterFunc(tick, func() { s.post(next) })
	}
	time.AfterFunc(tick, func() { s.post(next) })
}

// hangs says whether the watchdog's time is over. Only time in which the actor could
// have made progress counts: not while it is stopped by a signal, not while it waits for
// a processor, and never more than two ticks at once, since after a longer gap this
// process has been waiting too.
func (w *watchdog) hangs(p keeper.Progress, c *child, tick time.Duration) bool {
	now := time.Now()
	elapsed := min(now.Sub(w.at), 2*tick)
	w.at = now
	if !p.Work || !w.work || p.Mark != w.mark || c.suspended || c.next.waitedFor() {
		w.mark, w.work, w.stalled, w.cpu = p.Mark, p.Work, 0, nil
		if p.Work {
			w.cpu = process.CPUWaitOf(c.pid)
		}
		return false
	}
	cpu := process.CPUWaitOf(c.pid)
	elapsed -= min(cpu.Since(w.cpu), elapsed)
	w.cpu = cpu
	w.stalled += elapsed
	return w.stalled >= c.spec.Watchdog
}

// A process that writes its goroutines gets dumpTime, and again as long as it keeps
// writing, dumps times at most: a machine may be very slow.
var dumpTime = 2 * time.Second // tests change it

const dumps = 5

// dump is the progress of a process that is writing its goroutines.
type dump struct {
	said int64 // bytes on its stderr
	left int
}

// goesOn says whether the process has written more since the last call and still has
// time for the rest.
func (d *dump) goesOn(said int64) bool {
	more := said > d.said && d.left > 1
	d.said = said
	d.left--
	return more
}

// hung makes a process write its goroutines, and kills it.
func (s *Supervisor) hung(c *child, r *running, p keeper.Progress) {
	text := fmt.Sprintf("watchdog: nothing was completed for %v", c.spec.Watchdog)
	if p.Type != "" {
		text += ", in hand: " + p.Type
	}
	if p.Waiting > 0 {
		text += fmt.Sprintf(", messages from %d senders waiting", p.Waiting)
	}
	if c.away != nil {
		s.order(c.away, order{What: orderHung, ID: c.id, Incarnation: c.incarnation, Text: text}, nil)
		s.insist(c, r, dumps*dumpTime+killTime)
		return
	}
	s.killHung(c, r, text)
}

func (s *Supervisor) killHung(c *child, r *running, text string) {
	c.doom = &doom{wire.ExitWatchdog, text}
	s.event(EventHung, c, text)
	proc, ok := r.proc.(*process.Process)
	if !ok {
		_ = r.kill()
		return
	}
	d := &dump{proc.Said(), dumps}
	_ = proc.Signal(syscall.SIGQUIT)
	var look func()
	look = func() {
		if !proc.Over() && d.goesOn(proc.Said()) {
			time.AfterFunc(dumpTime, look)
			return
		}
		_ = r.kill() // does nothing if it has ended
	}
	time.AfterFunc(dumpTime, look)
}
