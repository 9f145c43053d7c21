package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/guard"
	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// proc is a process, or an actor in place.
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
	proc    proc // nil for the supervisor's own process; the loop sets it, under s.mu
	link    transport.Link
	queue   *queue
	drained process.Ending                // comes when the link has been read to its end
	outputs []*output                     // of its child, to be flushed at its end
	limited chan struct{}                 // closed when its limits are in force or were refused; nil if it has none
	orders  map[uint64]context.CancelFunc // unanswered orders of its actor; the loop's

	guard   bool         // it is the guardian of a command
	subtree bool         // it is a supervisor in its own process
	lost    bool         // of a subtree: its link has ended
	away    *running     // the supervisor that has started it, if in another process
	far     *process.Far // if away: the process, or nil if it is not known; the loop sets it, under s.mu
	begun   time.Time
}

// tell sends r a frame.
func (r *running) tell(f wire.Frame) {
	if r.queue == nil { // the root has the link
		r.s.above.send(&wire.Below{Child: r.addr, Frame: wire.Append(nil, f)})
		return
	}
	r.queue.post(f)
}

// full reports that r does not read its link.
func (r *running) full() {
	go r.s.post(func() { r.s.deaf(r) }) // the loop may be the caller
}

// occupied reports that too many frames wait for r because of another process.
func (r *running) occupied(by wire.Addr) {
	r.s.soon = append(r.s.soon, func() { r.s.keeper.Occupied(by, maxCaused) })
}

// unsent reports that a frame could not be sent to r.
func (r *running) unsent(err error) {
	r.s.log.Error("a frame could not be sent", "process", r.addr, "err", err)
	go r.s.post(func() { r.s.misheard(r, err) }) // the loop may be the caller
}

// kill kills r and what it has started. A guardian is asked to do so itself, since it
// also finds what has left its process group; it is killed if it does not. If another
// process has started r, that process ends r's group when it reaps r.
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

// insist kills a process some time after its supervisor, in another process, was told to
// do so: the supervisor may have been stopped by a signal.
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

// connect makes a link for a part of this process: its own actor, or one in place. It serves one end and returns the
// other.
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

// serveFile takes this process's end of a link and serves it.
func (s *Supervisor) serveFile(addr wire.Addr, end *os.File) (*running, error) {
	l, err := sock.New(end)
	if err != nil {
		return nil, err
	}
	return s.serve(addr, l)
}

// serve starts to read the link of a process.
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

// forget stops serving a link.
func (s *Supervisor) forget(r *running) {
	s.mu.Lock()
	delete(s.running, r)
	s.mu.Unlock()
	r.close()
}

// forgetProcess does the same for a process that has ended, and removes the queues and
// segments that it left behind if it died while they had a name.
func (s *Supervisor) forgetProcess(r *running, pid int) {
	s.forget(r)
	_ = lane.Sweep(pid)
	_ = segment.Sweep(pid)
}

// frameBuffers are for the frames of links. Without the pool, a buffer of that size
// would have to be cleared, page by page, for each process that is started.
var frameBuffers = sync.Pool{New: func() any { return new([wire.MaxFrame]byte) }}

// errRefused is part of the error of a frame that makes no sense.
var errRefused = errors.New("understudy: frame refused")

// receive reads the next frame, and the descriptors that belong to it. If err is not nil,
// files are those that came nevertheless.
func receive(l transport.Link) (f wire.Frame, files []transport.File, err error) {
	room := frameBuffers.Get().(*[wire.MaxFrame]byte)
	defer frameBuffers.Put(room)
	n, files, err := l.Receive(room[:])
	if err != nil {
		return nil, files, err
	}
	f, err = wire.Parse(room[:n])
	if err == nil && len(files) != wire.Files(f) {
		err = fmt.Errorf("supervisor: frame of kind %d came with %d descriptors instead of %d", f.Kind(), len(files), wire.Files(f))
	}
	if err != nil {
		return nil, files, fmt.Errorf("%w: %w", errRefused, err)
	}
	return f, files, nil
}

func closeFiles(files []transport.File) {
	for _, f := range files {
		_ = sock.Close(f)
	}
}

// read takes the next frame from a link and passes it to the loop. It returns false at
// the end of the link.
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
	closeFiles(files)
	if !more {
		s.readToEnd(r)
	}
	return more
}

// misheard ends a process if a frame from or to it was lost because there were no
// descriptors left. Such a process does not have what it believes to have: it may write
// to a lane that nobody reads, or wait for an answer that never comes. Its death is not
// charged to its message. If it is this process itself, only the link ends, so that
// everything that it sends from now on fails.
func (s *Supervisor) misheard(r *running, err error) {
	s.lostLane(r, err)
	c, why := s.children[r.addr.ID], fmt.Errorf("a frame from it or to it was lost: %w", err)
	switch {
	case r.addr.ID == 0:
		sock.Break(r.link, why)
	case c != nil && c.next.is(r):
		s.giveUp(c, c.next.step(), err)
		r.link.Close() // even if it is committed, which giveUp cannot undo
	case c == nil || c.run != r: // it is already dead
	case c.killed: // it is about to be
	case r.proc == nil:
		sock.Break(r.link, why) // it ends by itself
	default:
		c.killed, c.doom = true, &doom{wire.ExitSignal, "killed: " + why.Error()}
		s.event(EventKilled, c, why.Error())
		_ = r.kill()
	}
}

// lostLane makes one dead letter for a lane whose descriptors did not arrive. It may have
// messages in it, but only its sender knows which, and that ends.
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

// launch starts a process of a child, or its goroutine if it runs in place. program is
// its executable; "" means that of this process.
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
	return s.startProcess(c, r, spec)
}

// startProcess starts the process of r as spec says; if spec has no Path, from this program.
func (s *Supervisor) startProcess(c *child, r *running, spec process.Spec) (*running, error) {
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

// output returns the one output that a child has for a stream.
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

// flushOutputs gives the readers of a dead process's output time to read the rest.
func (r *running) flushOutputs() {
	for _, o := range r.outputs {
		o.flush()
	}
}
