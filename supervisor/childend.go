package supervisor

import (
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// What happens when a child has ended: what is recorded and reported, to whom the death
// is charged, and what is kept of a child that will not be started again.

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

// record records how a process has ended, and tells the keeper or the root.
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
	switch {
	case c.failed == "":
	case !c.ready:
		x.Kind, x.Summary = wire.ExitStart, oneLine(c.failed)
	case x.Kind == wire.ExitCode:
		x.Summary += ": " + oneLine(c.failed)
	}
	if c.doom != nil && x.Kind != wire.ExitNormal {
		x.Kind, x.Summary = c.doom.kind, c.doom.text
	}
	if limit, ok := c.spec.Limits.Resources[LimitCPU]; ok && x.Kind == wire.ExitSignal && x.Signal == syscall.SIGKILL && !c.killed && !c.overdue {
		// The kernel kills by its own count, which the used time is only near to.
		x.Summary += fmt.Sprintf(" after %.1f s of processor time: its RLIMIT_CPU is %d s", x.CPU.Seconds(), limit)
	}
	if c.killed && (x.Signal == syscall.SIGKILL || c.spec.InPlace) {
		c.asked = true // it may have died by itself just before
	}
	reason := reason(c, x)
	if c.byLink(x) {
		x.Summary = c.linked.Summary
	}
	c.exit = c.exitOf(r, x, reason, c.asked)
	switch {
	case !c.next.follows():
		s.died(c, cause(c, x))
	case s.above != nil: // the root needs the facts before the event
		s.above.send(&wire.Died{Successor: c.next.addr.Incarnation, Exit: *c.exit})
	}
	s.event(EventExited, c, "")
	if !reason.InOrder() && !c.asked && s.above == nil {
		s.logDeath(c, c.exit)
	}
	return reason
}

// died tells the keeper or the root that a process has ended.
func (s *Supervisor) died(c *child, cause tree.Cause) {
	s.unnoticed = append(s.unnoticed, c.exit)
	if s.above == nil {
		s.keeper.Died(c.exit, cause)
		return
	}
	s.above.send(&wire.Died{Cause: uint8(cause), Exit: *c.exit})
}

// exitOf is how the process r of c has ended, as it crosses the control link.
func (c *child) exitOf(r *running, x process.Exit, reason tree.Reason, asked bool) *wire.Exit {
	return &wire.Exit{
		Addr: r.addr, PID: int64(x.PID), Kind: x.Kind, Code: int64(x.Code), Signal: uint8(x.Signal), Asked: bit(asked), Core: bit(x.Core),
		Runtime: x.Runtime, CPU: x.CPU, MaxRSS: uint64(x.MaxRSS), Reason: c.word(x, reason), Summary: x.Summary, Stderr: x.Stderr, Stack: x.Stack,
	}
}

// inherits says whether the child's stderr goes to that of the process that started it.
func (c Child) inherits() bool { return c.Stderr == nil && c.Command == nil && !c.InPlace }

// shows says whether c's stderr goes to the same place as the log, as far as that can be
// known. The stderr of a child that is away passes through its supervisor's process.
func (s *Supervisor) shows(c *child) bool {
	if c.away != nil {
		by := s.children[c.away.addr.ID]
		return c.shown && by != nil && s.shows(by)
	}
	return c.spec.inherits() && s.spec.Log == slog.Default()
}

// oneLine is the text of an error, such as one of errors.Join, on one line.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }

// logDeath writes the crash report of c, without empty fields. If its stderr was already
// shown, the stacks of its goroutines are not repeated.
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
	if what, ok := strings.CutSuffix(oneLine(end), x.Summary); ok && x.Kind == wire.ExitStart && !strings.Contains(what, "; ") {
		end = "" // it only repeats the error of its Setup
	}
	if end != "" {
		args = append(args, "stderr", end)
	}
	s.log.Error("child died", args...)
}

// notice notifies the monitors of children that have died: after the rules have handled
// the death, and before anybody learns that a supervisor has ended.
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

// cause says to whom a death is charged. Signals that a program raises by its own faults
// are its own doing; others came from outside.
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

// reason is the reason of an end, by OTP's rules. A declared reason is believed only
// with exit code 0.
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
	case c.asked && !c.killed && c.spec.Command != nil && x.Signal == c.spec.Command.stop():
		return tree.ByRequest // few programs catch the signal that asks them to end
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

// gone handles a child that will not be restarted. If the reason is that its supervisor
// ends, and that may be restarted, the mailbox is kept.
func (s *Supervisor) gone(c *child, final bool) {
	c.stopRetry()
	if final && c.listed && (c.branch.self != nil || s.above != nil) {
		c.held = true
		return
	}
	s.bury(c)
}

// bury ends a child for good, or until it is started by hand or with its supervisor,
// together with the children that were kept for it.
func (s *Supervisor) bury(c *child) {
	c.held = false
	if c.buried {
		return
	}
	c.buried = true
	s.retireNow(c, false)
	for _, x := range c.static {
		if x.held {
			s.bury(x)
		}
	}
	if s.above != nil {
		s.above.send(&wire.Left{ID: c.id})
	} else {
		for _, x := range s.keptFor(c) {
			s.bury(x)
		}
		s.keeper.Gone(c.id)
	}
	if c.incarnation > 0 {
		s.event(EventGone, c, "")
	}
}

// forgetChild forgets a child that the rules have forgotten. What is kept of it stays if
// a restart of its supervisor may bring it back.
func (s *Supervisor) forgetChild(id uint32) {
	c := s.children[id]
	delete(s.children, id)
	if !c.held && !s.returns(c) {
		s.forgotten(c)
	}
}

// returns says whether c comes back when its supervisor is restarted. If that has a
// process of its own, which is ending, only the root knows whether it is.
func (s *Supervisor) returns(c *child) bool {
	sup := c.branch.self
	if sup == nil {
		return s.above != nil && c.listed && c.branch.machine.Ending()
	}
	return sup.static[path.Base(c.name)] == c
}

// forgotten tells the keeper or the root that a child and the children of its Spec will
// never come back.
func (s *Supervisor) forgotten(c *child) {
	for _, x := range c.static {
		s.forgotten(x)
	}
	if s.above != nil {
		s.above.send(&wire.Left{ID: c.id, Forgotten: 1})
		return
	}
	s.dropAll(s.keptFor(c))
	s.keeper.Forgotten(c.id)
}
