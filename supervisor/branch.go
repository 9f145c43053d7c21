package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// branch is one supervisor of the tree while it runs: its rules, and its place in the
// tree. One loop drives all branches of a process.
type branch struct {
	path    string // "" for the program's supervisor
	spec    Spec   // with defaults
	self    *child // the child that it is of the supervisor above; nil for the program's
	machine *tree.Machine
	up      uint64   // the call that waits for the program's listed children
	why     error    // why it could not be started, or gave up
	away    *running // the process that drives it, if not this one: then it has no machine here
}

func newBranch(self *child, spec Spec, pacer *tree.Pacer) *branch {
	b := &branch{spec: spec, self: self, machine: tree.New(spec.config(pacer))}
	if self != nil {
		b.path = self.name
	}
	return b
}

// pathOf is the full path of a child of b.
func (b *branch) pathOf(name string) string {
	if b.path == "" {
		return name
	}
	return b.path + "/" + name
}

// config is s as the rules see it. s has its defaults.
func (s Spec) config(pacer *tree.Pacer) tree.Config {
	return tree.Config{Strategy: s.Strategy, Intensity: s.Intensity, Period: s.Period, AutoShutdown: s.AutoShutdown, Random: rand.Float64, Pacer: pacer}
}

// rules is c as the rules see it.
func (c Child) rules() tree.ChildSpec {
	return tree.ChildSpec{Name: c.Name, Restart: c.Restart, Significant: c.Significant, Supervisor: c.supervises(),
		BrutalKill: c.Shutdown == BrutalKill, Backoff: tree.Backoff(c.Backoff)}
}

// listed makes the children of b's Spec. Children that an earlier incarnation of the
// supervisor had stay the same: they keep their numbers and unread messages.
func (s *Supervisor) listed(b *branch) (in tree.Init) {
	if b.spec.Strategy == SimpleOneForOne {
		return in // it has only the template
	}
	for _, spec := range b.spec.Children {
		spec = spec.withDefaults()
		var c *child
		if b.self != nil {
			c = b.self.static[spec.Name]
		}
		if c == nil {
			c = s.newChild(b, spec, true)
			if b.self != nil {
				b.self.static[spec.Name] = c
			}
		}
		c.branch, c.held = b, false
		s.children[c.id] = c
		in.Children = append(in.Children, tree.Add{ID: c.id, Last: max(c.incarnation, c.issued), Spec: spec.rules()})
	}
	return in
}

// newChild makes a child that the rules do not know yet. spec has its defaults.
func (s *Supervisor) newChild(b *branch, spec Child, listed bool) *child {
	c := &child{branch: b, name: b.pathOf(spec.Name), listed: listed}
	if spec.driven() {
		c.static = map[string]*child{}
	}
	switch {
	case spec.Actor != nil:
		c.definition = spec.Actor.Name()
	case spec.Subtree != nil:
		c.definition = spec.Subtree.name
	case spec.pool() != nil:
		c.definition = spec.pool().Member.Actor.Name()
	}
	c.spec = s.alike(c.definition, spec)
	s.enroll(c, spec.Name)
	s.children[c.id] = c
	return c
}

// enroll gives a child its number and its mailbox.
func (s *Supervisor) enroll(c *child, name string) {
	if s.above != nil {
		s.above.enroll(c, name)
		return
	}
	s.lastID++
	c.id = s.lastID
	switch {
	case c.route() != 0:
		s.keeper.AddPool(c.id, c.name, c.route())
	case !c.spec.driven():
		s.keeper.Add(c.id, c.name, c.spec.Mailbox.Wire())
	}
}

// spawnBranch starts an incarnation of a supervisor that this process drives.
func (s *Supervisor) spawnBranch(c *child) {
	s.event(EventStarting, c, "")
	if s.keeper != nil && c.route() != 0 {
		s.keeper.BeginPool(c.id)
	}
	if c.spec.Subtree != nil {
		s.spawnDefined(c)
		return
	}
	c.sub = newBranch(c, c.spec.Supervisor.withDefaults(), s.pacer)
	s.stepIn(c.sub, s.listed(c.sub))
}

// spawnDefined starts a defined supervisor in this process.
func (s *Supervisor) spawnDefined(c *child) {
	spec, err := c.spec.Subtree.spec()
	if err == nil {
		c.sub = newBranch(c, spec.withDefaults(), s.pacer)
		s.stepIn(c.sub, s.listed(c.sub))
		return
	}
	ignored := errors.Is(err, actor.ErrIgnore)
	var in tree.Input = tree.Ignored{ID: c.id, Incarnation: c.incarnation}
	c.exit = &wire.Exit{Addr: c.addr(), Kind: wire.ExitNormal, Reason: wire.ReasonNormal, Summary: "not wanted"}
	if !ignored {
		c.failed = err.Error()
		in = tree.Exited{ID: c.id, Incarnation: c.incarnation, Reason: tree.Abnormal}
		c.exit.Kind, c.exit.Code, c.exit.Reason, c.exit.Summary = wire.ExitStart, -1, wire.ReasonError, oneLine(c.failed)
	}
	if s.above != nil {
		s.above.send(&wire.Died{Exit: *c.exit})
	}
	s.later = append(s.later, func() {
		s.event(EventExited, c, "")
		if ignored {
			s.event(EventIgnored, c, "")
		}
		s.stepIn(c.branch, in)
	})
}

// branchUp tells the supervisor above b that all listed children are ready.
func (s *Supervisor) branchUp(b *branch) {
	if b.self == nil {
		s.finish(b.up, nil)
		return
	}
	c := b.self
	s.soon = append(s.soon, func() {
		if c.sub != b {
			return
		}
		c.ready = true
		s.event(EventReady, c, "")
		s.stepIn(c.branch, tree.Ready{ID: c.id, Incarnation: c.incarnation})
	})
}

// branchEnded tells the supervisor above b that b and everything below it has ended.
func (s *Supervisor) branchEnded(b *branch) {
	s.notice()
	c := b.self
	if c == nil {
		s.finish(b.up, b.why)
		s.event(EventEnded, nil, "")
		s.endOnce.Do(func() { close(s.ended) })
		return
	}
	s.soon = append(s.soon, func() {
		if c.sub != b {
			return
		}
		c.sub = nil
		c.stopTimer()
		// As in OTP, a supervisor that gave up ends with reason shutdown, or
		// {shutdown, _} if it could not be started.
		c.exit = &wire.Exit{Addr: c.addr(), Kind: wire.ExitNormal, Asked: bit(c.asked), Reason: wire.ReasonShutdown, Summary: "shutdown"}
		reason := tree.ByRequest
		if c.why = b.why; c.why != nil {
			c.exit.Summary = "shutdown: " + c.why.Error()
		}
		if c.overdue {
			c.exit.Summary, reason = "killed", tree.Killed
		}
		if s.above != nil {
			s.above.send(&wire.Died{Exit: *c.exit})
		}
		s.event(EventExited, c, "")
		s.stepIn(c.branch, tree.Exited{ID: c.id, Incarnation: c.incarnation, Reason: reason})
	})
}

// killBranch kills everything below a supervisor that is ending. The supervisors there
// end too: otherwise they would restart what is killed.
func (s *Supervisor) killBranch(c *child) {
	c.overdue = true
	for _, i := range c.sub.machine.Children() {
		x := s.children[i.ID]
		if x.run != nil {
			x.asked = true
			s.killOverdue(x, "its supervisor is killed")
		}
		if x.sub != nil && x.sub.machine != nil {
			x.asked = true
			s.stepIn(x.sub, tree.Shutdown{})
			s.killBranch(x)
		}
	}
}

// stepIn lets the rules of a supervisor handle one input and carries out their actions.
func (s *Supervisor) stepIn(b *branch, in tree.Input) {
	for _, a := range b.machine.Handle(time.Since(s.origin), in) {
		s.act(b, a)
	}
}

func (s *Supervisor) act(b *branch, a tree.Action) {
	fault.Hit("supervisor.act")
	switch a := a.(type) {
	case tree.Spawn:
		s.spawn(s.children[a.ID], a.Incarnation)
	case tree.Stop:
		s.stop(s.children[a.ID])
	case tree.StopAll:
		var all []*child
		for _, x := range a.Children {
			all = append(all, s.children[x.ID])
		}
		s.stopAll(all)
	case tree.SpawnSuccessor:
		s.spawnSuccessor(s.children[a.ID], a.Incarnation)
	case tree.HandOver:
		s.handOver(s.children[a.ID])
	case tree.Commit:
		s.commit(s.children[a.ID])
	case tree.TakeOver:
		s.takeOver(s.children[a.ID])
	case tree.Abandon:
		s.abandon(s.children[a.ID])
	case tree.PostRetry:
		s.later = append(s.later, func() { s.stepIn(b, tree.Retry{ID: a.ID}) })
	case tree.BackingOff:
		s.backOff(b, s.children[a.ID], a.Until)
	case tree.Answer:
		s.answer(a)
	case tree.Restarting:
		s.event(EventRestarting, s.children[a.ID], "")
	case tree.Report:
		s.report(s.children[a.ID], a.Kind)
	case tree.Gone:
		s.gone(s.children[a.ID], a.Final)
	case tree.Removed:
		s.forgetChild(a.ID)
	case tree.Exceeded:
		s.exceeded(b, s.children[a.ID])
	case tree.SignificantEnded:
		s.event(EventAuto, s.children[a.ID], b.spec.AutoShutdown.String())
	case tree.Up:
		s.branchUp(b)
	case tree.InitFailed:
		b.why = s.children[a.ID].startError()
	case tree.Ended:
		s.branchEnded(b)
	}
}

func (c *child) startError() error {
	why := c.why
	switch {
	case c.refusal != nil:
		why = c.refusal
	case c.untaken():
		why = fmt.Errorf("its process ended before its Setup had returned (%s). If its Setup did not even begin: "+
			"call supervisor.Run first thing in main, or supervisor.RunChild first thing in TestMain", c.exit.Summary)
	}
	return &StartError{Child: c.name, Text: c.failed, Exit: actorExit(c.exit), Err: why}
}

// untaken says whether the process may have run something other than the actor: it
// ended by itself, and nothing was heard from the actor.
func (c *child) untaken() bool {
	if c.spec.Actor == nil || c.spec.InPlace || c.failed != "" || c.declared != "" || c.asked || c.exit == nil {
		return false
	}
	return c.exit.Kind == wire.ExitNormal || c.exit.Kind == wire.ExitCode
}

// answer tells a caller the outcome of its command.
func (s *Supervisor) answer(a tree.Answer) {
	c := s.children[a.ID]
	switch {
	case a.Err == nil:
		s.finish(a.Call, nil)
	case errors.Is(a.Err, tree.ErrStart):
		s.finish(a.Call, c.startError())
	case errors.As(a.Err, new(*ReplaceError)):
		s.finish(a.Call, a.Err)
	case errors.Is(a.Err, tree.ErrSuccessor):
		s.finish(a.Call, c.failure)
	default:
		s.finish(a.Call, commandError(c, a.ID, a.Err))
	}
}

func commandError(c *child, id uint32, err error) error {
	if c == nil {
		return fmt.Errorf("supervisor: child %d: %w", id, err)
	}
	return fmt.Errorf("supervisor: child %s: %w", c.name, err)
}

// exceeded records that a supervisor gives up.
func (s *Supervisor) exceeded(b *branch, c *child) {
	e := &IntensityError{Supervisor: b.path, Child: c.name, Intensity: b.spec.Intensity, Period: b.spec.Period, Exit: actorExit(c.exit)}
	b.why = e
	if b.self == nil {
		s.mu.Lock()
		s.err = e
		s.mu.Unlock()
	}
	s.log.Error("supervisor gives up: too many restarts", "supervisor", b.path, "child", c.name, "intensity", b.spec.Intensity, "period", b.spec.Period)
	s.event(EventIntensity, c, e.Error())
}

// report turns one of OTP's reports into an event.
func (s *Supervisor) report(c *child, k tree.ReportKind) {
	kind := map[tree.ReportKind]EventKind{tree.ChildTerminated: EventChildTerminated, tree.StartError: EventStartError, tree.ShutdownError: EventShutdownError}[k]
	s.event(kind, c, c.failed)
}

// backOff waits for the time of the next attempt.
func (s *Supervisor) backOff(b *branch, c *child, until time.Duration) {
	d := until - time.Since(s.origin)
	s.event(EventBackoff, c, fmt.Sprintf("next attempt in %v", max(d, 0).Round(time.Millisecond)))
	c.stopRetry()
	c.retry = time.AfterFunc(d, func() {
		s.post(func() { s.stepIn(b, tree.Retry{ID: c.id}) })
	})
}

func (c *child) stopRetry() {
	if c.retry != nil {
		c.retry.Stop()
		c.retry = nil
	}
}
