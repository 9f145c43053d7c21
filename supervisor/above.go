package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// above is what a supervisor in its own process has instead of mailboxes: its link to
// the root process, which holds the mailboxes and the links of the children. The
// supervisor decides, starts, stops, kills and reaps; the root passes on what the
// children and the supervisor say to each other.
type above struct {
	self wire.Addr
	log  *slog.Logger

	out   sync.Mutex // one Send at a time uses frame
	link  transport.Link
	frame []byte

	numbers chan *wire.Enrolled // of the one Enroll that is on its way
	mail    <-chan func()       // the loop's
	passed  []func()            // taken from mail while the loop waited for a number; done first
	token   uint64

	hands  map[wire.Addr]*running        // processes whose links the root has; the loop's
	orders map[uint64]context.CancelFunc // commands of the root; the loop's
	asked  bool                          // the root has asked it to end; the loop's
}

// serveSubtree is the main function of a supervisor's own process.
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
	if err != nil && !errors.Is(err, ErrEnded) { // ErrEnded: it was asked to end
		s.above.send(&wire.Failed{Text: err.Error()})
		return fmt.Errorf("supervisor %s: start: %w", begin.Name, err)
	}
	select {
	case <-s.ended: // it was asked to end while it started
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
		return nil, fmt.Errorf("understudy: waiting for the first frame, which tells this process what it is: %w", err)
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

// defined returns the Spec of the supervisor with that name.
func defined(name string) (spec Spec, err error) {
	d, err := definitionOf(name)
	if err == nil {
		spec, err = d.spec()
	}
	return spec.withDefaults(), err
}

// lastWords tells the root why this supervisor ends, unless the root has asked it to.
// As in OTP, a supervisor that gives up ends with reason shutdown.
func (s *Supervisor) lastWords() {
	if s.above.asked {
		return
	}
	if s.root.why != nil {
		s.above.send(&wire.Failed{Text: s.root.why.Error()})
	}
	s.above.send(&wire.Exiting{Reason: wire.ReasonShutdown})
}

// onTerm makes this supervisor end in order when it alone gets a SIGTERM.
func (s *Supervisor) onTerm() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-ch
		s.post(func() { s.stepIn(s.root, tree.Shutdown{}) })
	}()
}

// readAbove reads the link to the root. When the link ends, so do this process and
// everything below it.
func (s *Supervisor) readAbove() {
	buf := make([]byte, wire.MaxFrame)
	for {
		n, files, err := s.above.link.Receive(buf)
		closeFiles(files) // a supervisor has no mailbox
		if t := new(sock.TruncatedError); errors.As(err, &t) {
			continue
		}
		if err != nil {
			endAll()
		}
		f, err := wire.Parse(buf[:n])
		if err != nil {
			s.log.Error("frame from the root refused", "err", err)
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
		if s.root.up == 0 { // what the Spec lists comes first
			s.later = append(s.later, func() { s.fromAbove(f) })
			return
		}
		s.obey(f)
	}
}

// fromChild handles a frame that a child has sent to the root.
func (s *Supervisor) fromChild(f *wire.Below) {
	r := s.above.hands[f.Child]
	if r == nil {
		return
	}
	inner, err := wire.Parse(f.Frame)
	if err != nil {
		s.log.Error("frame from a child refused", "child", f.Child, "err", err)
		return
	}
	if l, ok := inner.(*wire.Linked); ok {
		s.linkEnded(f.Child, &l.Exit)
		return
	}
	s.frame(r, inner, nil)
}

// send sends a frame to the root, which always reads. If it fails, the root is gone, and
// this process will be killed.
func (a *above) send(f wire.Frame, files ...transport.File) {
	a.out.Lock()
	defer a.out.Unlock()
	a.frame = wire.Append(a.frame[:0], f)
	if err := a.link.Send(a.frame, files); err != nil && !errors.Is(err, transport.ErrClosed) {
		a.log.Error("a frame to the root is lost", "kind", f.Kind(), "err", err)
	}
}

// enroll gets the number of a new child from the root and, if a predecessor of this
// process had that child, what the root has kept of it. The loop waits for the answer;
// it can, because the root never waits for this process.
func (a *above) enroll(c *child, name string) {
	f := &wire.Enroll{Token: a.token + 1, Parent: a.self.ID, Sort: c.spec.sort(), Listed: bit(c.listed), Name: name, Definition: c.definition,
		Watchdog: c.spec.Watchdog, Route: c.route(), Operator: bit(c.spec.Operator), Shown: bit(c.spec.inherits())}
	if p := c.branch.self; p != nil {
		f.Parent = p.id
	}
	if c.pooled() {
		f.Listed = 1 // a restart of this process brings it back, even if Resize has added it
	}
	if !c.spec.supervises() {
		f.Mailbox = c.spec.Mailbox.Wire()
	}
	a.token++
	a.send(f)
	got := a.number()
	if got.Problem != "" || got.Token != f.Token { // only an insane program gets here
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

// number waits for the answer to an Enroll. More frames than mail has room for may come
// before it, and the goroutine that reads them must not wait for the loop: so number
// empties mail meanwhile.
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

// next returns the first function that came while the loop waited, or nil.
func (a *above) next() (f func()) {
	if a == nil || len(a.passed) == 0 {
		return nil
	}
	f, a.passed = a.passed[0], a.passed[1:]
	return f
}

// sort is the kind of child that the root is told.
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

// hand gives the root the link of a process that is about to be started.
func (a *above) hand(r *running, link *os.File, standBy bool) {
	defer link.Close()
	a.hands[r.addr] = r
	a.send(&wire.Adopt{Child: r.addr, StandBy: bit(standBy)}, link)
}

// event reports an event to the root.
func (a *above) event(kind EventKind, c *child, text string) {
	if c != nil {
		a.send(&wire.Event{Child: c.addr(), PID: int64(c.pid), What: string(kind), Text: text})
	}
}

// started tells the root which process has the other end of a link.
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
