package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/supervisor/internal/guard"
	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// proc is a process, or what stands for one.
type proc interface {
	PID() int
	Done() <-chan struct{}
	Then(func())
	Over() bool
	Exit() process.Exit
	KillGroup() error
}

// running is one incarnation while it runs: its process and its link.
type running struct {
	s       *Supervisor
	addr    wire.Addr
	proc    proc // nil for the supervisor's own process
	link    transport.Link
	queue   *queue
	drained process.Ending                // the link has been read to its end
	outputs []*output                     // of its child, to be flushed at its end
	limited chan struct{}                 // closed when its limits are in force or were refused; nil when it has none
	orders  map[uint64]context.CancelFunc // of its actor, not answered yet; the loop's

	guard   bool         // it is the guardian of a command
	subtree bool         // a supervisor in a process of its own
	lost    bool         // of a subtree: its link has ended
	away    *running     // the supervisor that has started it, if that is in a process of its own
	far     *process.Far // then: the process, or nil when it is not known
	begun   time.Time
}

// tell sends it a frame.
func (r *running) tell(f wire.Frame) {
	if r.queue == nil { // the root has the link
		r.s.above.send(&wire.Below{Child: r.addr, Frame: wire.Append(nil, f)})
		return
	}
	r.queue.post(f)
}

// full says that it does not read its link, which has been closed.
func (r *running) full(err error) {
	r.s.log.Error("a process does not read its link", "process", r.addr, "err", err)
}

// unsent says that a frame could not be sent to it.
func (r *running) unsent(err error) {
	r.s.log.Error("a frame could not be sent", "process", r.addr, "err", err)
	go r.s.post(func() { r.s.misheard(r, err) })
}

// kill kills everything at once. A guardian does so itself, since it finds
// what has left its group; one that does not is killed. Of a process that another one
// has started, and that is known, that one ends the group when it reaps it.
func (r *running) kill() error {
	kill, over := r.far.Kill, r.far.Over
	if r.proc != nil {
		kill, over = r.proc.KillGroup, r.proc.Over
	}
	if !r.guard {
		return kill()
	}
	if over() {
		return process.ErrDone
	}
	r.tell(&wire.Stop{Reason: guard.KillReason})
	time.AfterFunc(killTime, func() { _ = kill() })
	return nil
}

// insist kills a process some time after its supervisor, in another one, was told to:
// that may have been stopped by a signal.
func (s *Supervisor) insist(c *child, r *running, after time.Duration) {
	time.AfterFunc(after, func() {
		s.post(func() {
			if c.run == r && r.far != nil {
				_ = r.kill()
			}
		})
	})
}

func (r *running) close() {
	if r.queue == nil {
		return // the root has the link
	}
	r.queue.close()
	r.link.Close()
}

// connect makes a link that is served, for a part of this process, which gets the
// other end.
func (s *Supervisor) connect(addr wire.Addr) (*running, transport.Link, error) {
	if s.above == nil {
		a, b := sock.Local()
		r, err := s.serve(addr, a)
		return r, b, err
	}
	r, b, err := s.pair(addr)
	if err != nil {
		return nil, nil, err
	}
	l, err := sock.New(b)
	if err != nil {
		s.forget(r)
		return nil, nil, err
	}
	r.link = l // the root has the other one
	return r, l, nil
}

func (s *Supervisor) pair(addr wire.Addr) (*running, *os.File, error) {
	a, b, err := sock.Pair()
	if err != nil {
		return nil, nil, err
	}
	if s.above != nil {
		r := &running{s: s, addr: addr}
		s.above.hand(r, a, s.standBy(addr))
		return r, b, nil
	}
	r, err := s.serveFile(addr, a)
	if err != nil {
		b.Close()
	}
	return r, b, err
}

// serveFile takes this end of the link of a process, and listens to it.
func (s *Supervisor) serveFile(addr wire.Addr, end *os.File) (*running, error) {
	l, err := sock.New(end)
	if err != nil {
		return nil, err
	}
	return s.serve(addr, l)
}

// serve listens to the link of a process.
func (s *Supervisor) serve(addr wire.Addr, l transport.Link) (*running, error) {
	r := &running{s: s, addr: addr, link: l}
	r.queue = &queue{link: l, workers: &s.workers, to: r}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		r.close()
		return nil, ErrEnded
	}
	if err := l.Listen(r.read); err != nil {
		r.close()
		return nil, err
	}
	s.running[r] = struct{}{}
	return r, nil
}

// forget ends what serves a link.
func (s *Supervisor) forget(r *running) {
	s.mu.Lock()
	delete(s.running, r)
	s.mu.Unlock()
	r.close()
}

// forgetProcess does so when the process has ended, and removes what it has left
// behind if it died while a queue or segment had a name.
func (s *Supervisor) forgetProcess(r *running, pid int) {
	s.forget(r)
	_ = lane.Sweep(pid)
	_ = segment.Sweep(pid)
}

// frameBuffers are for the frames of links. A fresh one of that size would have
// to be cleared, page by page, for each process that is started.
var frameBuffers = sync.Pool{New: func() any { return new([wire.MaxFrame]byte) }}

// errRefused is part of the error of a frame that makes no sense.
var errRefused = errors.New("understudy: frame refused")

// receive reads the next frame.
func receive(l transport.Link) (wire.Frame, []transport.File, error) {
	room := frameBuffers.Get().(*[wire.MaxFrame]byte)
	defer frameBuffers.Put(room)
	n, files, err := l.Receive(room[:])
	if err != nil {
		return nil, files, err
	}
	f, err := wire.Parse(room[:n])
	if err == nil && len(files) != wire.Files(f) {
		err = fmt.Errorf("supervisor: frame of kind %d came with %d descriptors instead of %d", f.Kind(), len(files), wire.Files(f))
	}
	if err != nil {
		return nil, files, fmt.Errorf("%w: %w", errRefused, err)
	}
	return f, files, nil
}

// read takes the next frame of a link: every frame becomes work of the loop. It
// returns false at the end.
func (r *running) read() (more bool) {
	s := r.s
	f, files, err := receive(r.link)
	t := new(sock.TruncatedError)
	switch {
	case err == nil:
		if s.post(func() { s.frame(r, f, files) }) {
			return true
		}
	case errors.Is(err, errRefused):
		s.log.Error("frame refused", "from", r.addr, "err", err)
		more = true
	case errors.As(err, &t):
		s.log.Error("frame lost", "from", r.addr, "err", err)
		s.post(func() { s.misheard(r, err) })
		return true
	}
	for _, f := range files {
		f.Close()
	}
	if !more {
		s.readToEnd(r)
	}
	return more
}

// misheard ends a process of which, or to which, a frame was lost, for want of descriptors.
// What it has is not what it believes to have: a lane that nobody will read, say,
// or an answer that never comes. Its death is not its message's fault. Of this
// process itself only the link ends, so that whatever it sends from now on fails.
func (s *Supervisor) misheard(r *running, err error) {
	s.lostLane(r, err)
	c, why := s.children[r.addr.ID], fmt.Errorf("a frame of it, or for it, was lost: %w", err)
	switch {
	case r.addr.ID == 0:
		sock.Break(r.link, why)
	case c != nil && c.next.is(r):
		s.giveUp(c, c.next.step(), err)
		r.link.Close() // also of one that has been committed
	case c == nil || c.run != r: // one that is no more
	case r.proc == nil:
		sock.Break(r.link, why) // it ends by itself
	default:
		c.killed, c.doom = true, &doom{wire.ExitSignal, "killed: " + why.Error()}
		s.event(EventKilled, c, why.Error())
		_ = r.kill()
	}
}

// lostLane makes a dead letter of a lane whose descriptors did not arrive. Messages
// may be in it; what they are only its sender knows, which ends.
func (s *Supervisor) lostLane(r *running, err error) {
	t := new(sock.TruncatedError)
	if s.above != nil || !errors.As(err, &t) {
		return
	}
	if f, err := wire.Parse(t.Frame); err == nil && f.Kind() == wire.KindOpen {
		s.letter(keeper.Letter{Letter: wire.Letter{From: r.addr, To: f.(*wire.Open).To, Reason: wire.LetterLost,
			Text: "the lane that the sender had made was lost, with all that was in it: " + t.Error()}})
	}
}

// launch starts a process of a child, or its goroutine. program is its
// executable; "" is this one's.
func (s *Supervisor) launch(c *child, addr wire.Addr, program string) (*running, error) {
	if c.spec.InPlace {
		return s.launchInPlace(addr)
	}
	if c.spec.Command != nil {
		return s.launchCommand(c, addr)
	}
	role := roleValue
	if c.spec.Subtree != nil {
		role = subtreeRole
	}
	r, b, err := s.pair(addr)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	out := s.actorStderr(c)
	r.outputs = append(r.outputs, out)
	r.subtree = c.spec.Subtree != nil
	env := s.environ(c.spec.PassEnv, append(slices.Clone(c.spec.Env), roleVar+"="+role+s.spec.Notifier))
	spec := process.Spec{Path: program, Env: env, Files: []*os.File{b, s.live.File()}, Stderr: out}
	if !c.spec.Limits.isZero() {
		return s.confined(c, r, spec)
	}
	return s.started(c, r, spec)
}

// started starts the process of r, a copy of this program if it names no other, as spec says.
func (s *Supervisor) started(c *child, r *running, spec process.Spec) (*running, error) {
	spec.Path, spec.Args, spec.MemoryBytes = cmp.Or(spec.Path, s.exe), os.Args, c.spec.Memory
	spec.OnStop = func(stopped bool) { s.post(func() { s.suspended(r, stopped) }) }
	spec.Namespaces, spec.Optional = flags(c.spec.Limits.Namespaces), flags(c.spec.Limits.Optional)
	p, err := s.starter.Start(spec)
	if err != nil {
		s.forget(r)
		if x := new(process.NamespaceError); errors.As(err, &x) {
			err = refusedNamespaces(x)
		}
		return nil, err
	}
	if x := p.Refused(); x != nil {
		s.later = append(s.later, func() { s.goesWithout(c, refusedNamespaces(x)) }) // when its process is known
	}
	s.mu.Lock()
	r.proc = p
	s.mu.Unlock()
	return r, nil
}

// actorStderr is where the stderr of an actor's process goes.
func (s *Supervisor) actorStderr(c *child) *output {
	return c.output("stderr", func() *output {
		stderr := c.spec.Stderr
		if stderr == nil {
			stderr = os.Stderr
		}
		return writerOutput(&c.dropped, stderr, func(n uint64) {
			s.log.Warn("lines of a child's stderr were dropped: their reader is too slow", "child", c.name, "lines", n)
		})
	})
}

// output is the one output that a child has for a stream.
func (c *child) output(stream string, make func() *output) *output {
	o := &c.stdout
	if stream == "stderr" {
		o = &c.stderr
	}
	if *o == nil {
		*o = make()
	}
	return *o
}

// flushOutputs lets the reader have the last words of a process that is no more.
func (r *running) flushOutputs() {
	for _, o := range r.outputs {
		o.flush()
	}
}

// inPlace stands for a process: an actor in this one.
type inPlace struct {
	process.Ending
	r    *running
	exit *process.Exit // nil until it has ended
}

func (p *inPlace) PID() int           { return os.Getpid() }
func (p *inPlace) Exit() process.Exit { return *p.exit }

// KillGroup ends the actor's link: it ends after the message in hand.
func (p *inPlace) KillGroup() error { return p.r.link.Close() }

func (s *Supervisor) launchInPlace(addr wire.Addr) (*running, error) {
	r, link, err := s.connect(addr)
	if err != nil {
		return nil, err
	}
	n, err := newNotifierInPlace(s.spec.Notifier)
	if err != nil {
		s.forget(r)
		return nil, err
	}
	p := &inPlace{r: r}
	s.mu.Lock()
	r.proc, r.begun = p, time.Now()
	s.mu.Unlock()
	go p.run(hosting.Config{Link: link, Notifier: n, Log: s.log, InPlace: true})
	return r, nil
}

// run runs an actor as a process would, until it has nothing to do for the first
// time.
func (p *inPlace) run(cfg hosting.Config) {
	h, err := hosting.New(cfg)
	if err != nil {
		p.ended(err)
		return
	}
	h.ServeInPlace(func(err error) {
		h.Close()
		p.ended(err)
	})
}

// ended says how a process would have ended.
func (p *inPlace) ended(err error) {
	x := &process.Exit{PID: os.Getpid(), Kind: wire.ExitNormal, Summary: "exit status 0", Runtime: time.Since(p.r.begun)}
	e := new(hosting.PanicError)
	switch {
	case errors.As(err, &e):
		x.Kind, x.Code, x.Stderr = wire.ExitPanic, 2, e.Error()+"\n\n"+e.Stack
		x.Summary, _, _ = strings.Cut(e.Error(), "\n")
	case err != nil:
		x.Kind, x.Code, x.Summary, x.Stderr = wire.ExitCode, 1, "exit status 1", fmt.Sprintln(err)
	}
	p.exit = x
	p.Come()
}
