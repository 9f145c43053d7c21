package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path"
	"sync"
	"syscall"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// above is what a supervisor in a process of its own has in place of mailboxes:
// its link to the root process, which keeps these, and has the links of the
// children. It decides, starts, stops, kills and reaps; the root passes it what
// the children say, and passes them what it says.
type above struct {
	self wire.Addr
	log  *slog.Logger

	out   sync.Mutex // one Send at a time uses frame
	link  transport.Link
	frame []byte

	numbers chan *wire.Enrolled // of the one Enroll that is on its way
	mail    <-chan func()       // the loop's
	passed  []func()            // from mail, while the loop waited for a number: it does them first
	token   uint64

	hands  map[wire.Addr]*running        // links that the root has; the loop's
	orders map[uint64]context.CancelFunc // commands of the root; the loop's
	asked  bool                          // it is to end; the loop's
}

// serveSubtree is the life of a supervisor's process.
func serveSubtree(form string) error {
	l, err := sock.New(process.TakeFile(linkFD, "link"))
	if err != nil {
		return fmt.Errorf("understudy: link: %w", err)
	}
	begin, err := receiveBegin(l)
	if err != nil {
		return err
	}
	process.SetName(begin.Name)
	spec, problem := defined(begin.Definition)
	spec.Notifier = form
	s, err := newBelow(l, begin, spec)
	if err != nil {
		return err
	}
	defer s.live.Close()
	defer s.logQueue.flush()
	if errors.Is(problem, actor.ErrIgnore) {
		s.above.send(&wire.Exiting{Reason: wire.ReasonIgnore})
		return nil
	}
	if err = problem; err == nil {
		s.workers.Go(s.loop)
		go s.readAbove()
		s.onTerm()
		err = s.startListed(context.Background())
	}
	if err != nil && !errors.Is(err, ErrEnded) { // which is what it is when it was asked to end
		s.above.send(&wire.Failed{Text: err.Error()})
		return fmt.Errorf("supervisor %s: start: %w", begin.Name, err)
	}
	select {
	case <-s.ended: // it was asked to end meanwhile
	default:
		s.above.send(&wire.Ready{})
		<-s.ended
	}
	s.call(s.lastWords)
	return nil
}

func receiveBegin(l transport.Link) (*wire.Begin, error) {
	buf := make([]byte, wire.MaxFrame)
	n, _, err := l.Receive(buf)
	if err != nil {
		return nil, fmt.Errorf("understudy: waiting to be told who this process is: %w", err)
	}
	f, err := wire.Parse(buf[:n])
	if err != nil {
		return nil, err
	}
	begin, ok := f.(*wire.Begin)
	if !ok || begin.Version != wire.Version {
		return nil, fmt.Errorf("understudy: the first frame is %+v, not Begin of version %d", f, wire.Version)
	}
	return begin, nil
}

// newBelow makes the supervisor of this process.
func newBelow(l transport.Link, begin *wire.Begin, spec Spec) (*Supervisor, error) {
	s, err := newSupervisor(spec)
	if err != nil {
		return nil, err
	}
	s.root.path = begin.Name
	s.above = &above{self: begin.Self, log: s.log, link: l, numbers: make(chan *wire.Enrolled, 1), mail: s.mail,
		hands: map[wire.Addr]*running{}, orders: map[uint64]context.CancelFunc{}}
	return s, nil
}

// defined is the Spec of the supervisor with that name.
func defined(name string) (spec Spec, err error) {
	d, err := definitionOf(name)
	if err == nil {
		spec, err = d.spec()
	}
	return spec.withDefaults(), err
}

// lastWords says why this supervisor ends, if nobody has asked it to. OTP: a
// supervisor that gives up has ended by request.
func (s *Supervisor) lastWords() {
	if s.above.asked {
		return
	}
	if s.root.why != nil {
		s.above.send(&wire.Failed{Text: s.root.why.Error()})
	}
	s.above.send(&wire.Exiting{Reason: wire.ReasonShutdown})
}

// onTerm ends this supervisor in order when somebody sends SIGTERM to it alone.
func (s *Supervisor) onTerm() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-ch
		s.post(func() { s.stepIn(s.root, tree.Shutdown{}) })
	}()
}

// readAbove is the goroutine of the link to the root. Its end is the end of this
// process and of all below it.
func (s *Supervisor) readAbove() {
	buf := make([]byte, wire.MaxFrame)
	for {
		n, files, err := s.above.link.Receive(buf)
		for _, f := range files {
			f.Close() // a supervisor has no mailbox
		}
		if t := new(sock.TruncatedError); errors.As(err, &t) {
			continue
		}
		if err != nil {
			endAll()
		}
		f, err := wire.Parse(buf[:n])
		if err != nil {
			s.log.Error("frame of the root refused", "err", err)
			continue
		}
		if e, ok := f.(*wire.Enrolled); ok {
			s.above.numbers <- e // the loop waits for it
			continue
		}
		s.post(func() { s.fromAbove(f) })
	}
}

func (s *Supervisor) fromAbove(f wire.Frame) {
	switch f := f.(type) {
	case *wire.Stop:
		s.above.asked = true
		s.stepIn(s.root, tree.Shutdown{})
	case *wire.Below:
		s.fromChild(f)
	case *wire.Drained:
		if r := s.above.hands[f.From]; r != nil {
			delete(s.above.hands, f.From)
			r.drained.Come()
		}
	case *wire.Command:
		s.obey(f)
	}
}

// fromChild handles what a child has said to the root.
func (s *Supervisor) fromChild(f *wire.Below) {
	r := s.above.hands[f.Child]
	if r == nil {
		return
	}
	inner, err := wire.Parse(f.Frame)
	if err != nil {
		s.log.Error("frame of a child refused", "child", f.Child, "err", err)
		return
	}
	if l, ok := inner.(*wire.Linked); ok {
		s.linkEnded(f.Child, &l.Exit)
		return
	}
	s.frame(r, inner, nil)
}

// send sends a frame to the root, which always reads. An error means that the
// root is gone: then this process is killed.
func (a *above) send(f wire.Frame, files ...transport.File) {
	a.out.Lock()
	defer a.out.Unlock()
	a.frame = wire.Append(a.frame[:0], f)
	if err := a.link.Send(a.frame, files); err != nil && !errors.Is(err, transport.ErrClosed) {
		a.log.Error("a frame to the root is lost", "kind", f.Kind(), "err", err)
	}
}

// enroll gets the number of a new child from the root, and what it has kept for
// that, if there was one before this process. The loop waits: the root does not
// wait for us.
func (a *above) enroll(c *child, name string) {
	f := &wire.Enroll{Token: a.token + 1, Parent: a.self.ID, Sort: c.spec.sort(), Listed: bit(c.listed), Name: name, Definition: c.definition,
		Watchdog: c.spec.Watchdog, Route: c.route(), Operator: bit(c.spec.Operator), Shown: bit(c.spec.inherits())}
	if p := c.branch.self; p != nil {
		f.Parent = p.id
	}
	if c.pooled() {
		f.Listed = 1 // when this process is started again it comes back, also one that Resize has added
	}
	if !c.spec.supervises() {
		f.Mailbox = c.spec.Mailbox.Wire()
	}
	a.token++
	a.send(f)
	got := a.number()
	if got.Problem != "" || got.Token != f.Token { // it has no limits but those of a program that has gone mad
		a.send(&wire.Failed{Text: got.Problem})
		fmt.Fprintf(os.Stderr, "supervisor: child %s has no number: %s\n", c.name, got.Problem)
		process.EndDescendants()
		os.Exit(1)
	}
	c.id, c.incarnation, c.program = got.Child.ID, got.Child.Incarnation, got.Program
	if len(got.Members) > 0 && c.spec.pool() != nil {
		c.resized(got.Members)
	}
}

// number waits for the answer to an Enroll. It may come behind more frames than
// mail has room for, and who reads them must not wait for the loop.
func (a *above) number() *wire.Enrolled {
	for {
		select {
		case got := <-a.numbers:
			return got
		case f := <-a.mail:
			a.passed = append(a.passed, f)
		}
	}
}

// next is the first of what came while the loop waited, or nil.
func (a *above) next() (f func()) {
	if a == nil || len(a.passed) == 0 {
		return nil
	}
	f, a.passed = a.passed[0], a.passed[1:]
	return f
}

// sort is what the root is told of a child.
func (c Child) sort() uint8 {
	switch {
	case c.driven():
		return wire.SortSupervisor
	case c.Subtree != nil:
		return wire.SortSubtree
	case c.Command != nil:
		return wire.SortCommand
	}
	return wire.SortActor
}

// hand hands the link of a process that is about to be started to the root.
func (a *above) hand(r *running, link *os.File, standBy bool) {
	defer link.Close()
	a.hands[r.addr] = r
	a.send(&wire.Adopt{Child: r.addr, StandBy: bit(standBy)}, link)
}

// event tells the root what has happened.
func (a *above) event(kind EventKind, c *child, text string) {
	if c != nil {
		a.send(&wire.Event{Child: wire.Addr{ID: c.id, Incarnation: c.incarnation}, PID: int64(c.pid), What: string(kind), Text: text})
	}
}

// connected tells whoever keeps the mailboxes that a process runs.
func (s *Supervisor) connected(c *child, r *running) {
	if s.above == nil {
		if r.subtree {
			c.sub = &branch{path: c.name, self: c, away: r}
		}
		s.keeper.Back(c.id)
		s.keeper.Begin(r.addr, c.definition, r.queue.post)
		return
	}
	s.above.started(r)
}

// started tells the root which process it is that has a link.
func (a *above) started(r *running) {
	f := &wire.Started{Child: r.addr, PID: int64(r.proc.PID())}
	if p, ok := r.proc.(*process.Process); ok {
		if pidfd := p.Descriptor(); pidfd != nil {
			defer pidfd.Close()
			f.Known = 1
			a.send(f, pidfd)
			return
		}
	}
	a.send(f)
}

// died tells whoever keeps the mailboxes that a process has ended.
func (s *Supervisor) died(c *child, cause tree.Cause) {
	s.unnoticed = append(s.unnoticed, c.exit)
	if s.above == nil {
		s.keeper.Died(c.exit, cause)
		return
	}
	s.above.send(&wire.Died{Cause: uint8(cause), Exit: *c.exit})
}

// forgetChild forgets a child that the rules have forgotten. If its supervisor may
// start it again, it is still the same child then.
func (s *Supervisor) forgetChild(id uint32) {
	c := s.children[id]
	delete(s.children, id)
	if !c.held && !c.returns() {
		s.forgotten(c)
	}
}

// returns says whether c is one of those with which its supervisor begins.
func (c *child) returns() bool {
	sup := c.branch.self
	return sup != nil && sup.static[path.Base(c.name)] == c
}

// forgotten says that a child will never come back, nor will what it has begun with.
func (s *Supervisor) forgotten(c *child) {
	for _, x := range c.static {
		s.forgotten(x)
	}
	if s.above != nil {
		s.above.send(&wire.Left{ID: c.id, Forgotten: 1})
	} else {
		s.keeper.Forgotten(c.id)
	}
}

// drain waits until all that a dead process has sent was handled, and, when it
// was a supervisor, all below it is gone.
func (s *Supervisor) drain(r *running) {
	if s.above != nil {
		s.above.send(&wire.Drained{From: r.addr})
		<-r.drained.Done() // or the root is gone, and then this process
		return
	}
	r.lastWords()
	<-r.drained.Done()
}

// lastWords is called when a process is no more. What it has sent is still read;
// the link ends after that, also when somebody else has it.
func (r *running) lastWords() {
	if l, ok := r.link.(interface{ CloseRead() error }); ok {
		_ = l.CloseRead()
		return
	}
	r.link.Close()
}

// spawnDefined starts a supervisor by its definition in this process.
func (s *Supervisor) spawnDefined(c *child) {
	spec, err := c.spec.Subtree.spec()
	if err == nil {
		c.sub = newBranch(c, spec.withDefaults(), s.pacer)
		s.stepIn(c.sub, s.listed(c.sub))
		return
	}
	incarnation := c.incarnation
	if errors.Is(err, actor.ErrIgnore) {
		s.later = append(s.later, func() { s.stepIn(c.branch, tree.Ignored{ID: c.id, Incarnation: incarnation}) })
		return
	}
	c.failed = err.Error()
	s.notStarted(c, err, nil)
}

func (s *Supervisor) closeKeeper() {
	if s.keeper != nil {
		s.keeper.Close()
	}
}
