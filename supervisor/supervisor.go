package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/hosting"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// Supervisor starts children, restarts them as its Spec says, and keeps their
// mailboxes. It is the supervisor of a program, or one below it; see
// StartSupervisor. Any goroutine of the root process may call its methods; Of gives an
// actor a Supervisor.
type Supervisor struct {
	*engine
	id uint32 // of the child that it is; 0 for the program's supervisor
}

// engine is what all supervisors of a program share. Its loop, a goroutine that ends when
// quit is closed, owns the state of the tree. Locks are taken in this order: mu, that of a
// queue, that of the log.
type engine struct {
	// Set before the first child is started, and not changed:

	spec     Spec
	log      *slog.Logger // waits only briefly for a handler of spec.Log that hangs
	logQueue *logQueue
	exe      string
	starter  *process.Starter
	live     *process.Liveness
	host     hosting.Host  // of this process; if ofActor, nothing else is set
	origin   time.Time     // time zero of the rules' machines
	pacer    *tree.Pacer   // of all its branches
	above    *above        // in a supervisor's own process: its link to the root
	manager  *manager      // of the program that Run runs; nil below it, and with New
	mail     chan func()   // what the loop does next
	quit     chan struct{} // closed when the loop has to end
	ended    chan struct{} // closed when no child is left and none will be started

	// The loop's:

	later     []func() // done after what is in mail now
	soon      []func() // done after the current function
	keeper    *keeper.Keeper
	root      *branch
	children  map[uint32]*child
	kinds     map[string]*kind // by definition
	lastID    uint32
	lastCall  uint64
	calls     map[uint64]chan<- error // commands without an answer
	away      map[uint64]*awayCall    // commands that another process will answer
	kept      map[string]*child       // children that are away while their supervisor is restarted, by path
	signals   chan os.Signal          // that commands want forwarded; nil if there are none
	unnoticed []*wire.Exit            // deaths whose watchers have not been told
	cause     wire.Addr               // the process whose frame is being handled, or zero

	// Anybody's:

	letters   atomic.Uint64
	restarts  atomic.Uint64
	endOnce   sync.Once
	closeOnce sync.Once
	workers   sync.WaitGroup // the loop, and what sends to processes

	mu      sync.Mutex            // for killAll and Err, which do not wait for the loop
	running map[*running]struct{} // also their proc and far
	err     error                 // why the supervisor gave up
}

// IntensityError says that a supervisor has given up: there were more restarts than
// its Spec allows.
type IntensityError struct {
	Supervisor string // path; "" for the program's
	Child      string // whose death was one too many
	Intensity  int
	Period     time.Duration
	Exit       actor.Exit
}

func (e *IntensityError) Error() string {
	who := "supervisor"
	if e.Supervisor != "" {
		who += " " + e.Supervisor
	}
	return fmt.Sprintf(who+" gave up: %s died (%s), and no more than %d restarts in %v are allowed; see Spec.Intensity and Spec.Period",
		e.Child, e.Exit.Summary, e.Intensity, e.Period)
}

// ErrEnded says that a supervisor has ended, or is about to end.
var ErrEnded = errors.New("supervisor: it has ended")

// New makes a supervisor in this process and starts the children of its Spec. If one
// of them does not start, the others are stopped, and the error is a *StartError.
// Programs call Run instead; tests call New, and Shutdown when they are done. ctx
// bounds only the start.
//
// A process may have several supervisors of New, also in the function of Run. Each is that
// of a program of its own: what one has started is unknown to the others, and a send to
// that needs a context of its Context.
func New(ctx context.Context, spec Spec) (*Supervisor, error) {
	need(ctx)
	s, err := create(spec)
	if err != nil {
		return nil, err
	}
	if err := s.startListed(ctx); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

// create makes the supervisor of a program, whose children are not started yet.
func create(spec Spec) (*Supervisor, error) {
	if isChild() {
		return nil, errors.New("supervisor: this process was started as a child, but does not act as one: " +
			"call supervisor.Run first thing in main, or supervisor.RunChild first thing in TestMain")
	}
	if err := errors.Join(append([]error{spec.Validate()}, validateVariables()...)...); err != nil {
		return nil, err
	}
	s, err := newSupervisor(spec.withDefaults())
	if err != nil {
		return nil, err
	}
	s.keeper = keeper.New(s.log, s.letter)
	s.keeper.Payloads = s.spec.OnLetter != nil
	s.keeper.Linked = s.linkEnded
	s.keeper.Crowded = s.crowded
	s.keeper.Overrun = s.overrun
	s.keeper.Bounds = bounds
	s.keeper.Number = func() uint32 { s.lastID++; return s.lastID }
	if err := lane.Sweep(0); err != nil {
		s.log.Warn("queues of earlier programs could not be removed", "err", err)
	}
	s.workers.Go(s.loop)
	if err := s.begin(); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

// newSupervisor makes the supervisor of a process, with nothing above or below it.
// spec has its defaults.
func newSupervisor(spec Spec) (*Supervisor, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("supervisor: cannot find this program's executable: %w; mount /proc", err)
	}
	live, err := process.NewLiveness()
	if err != nil {
		return nil, err
	}
	log, queue := patientLog(spec.Log)
	pacer := tree.NewPacer(tree.Pace(spec.Pace))
	return &Supervisor{engine: &engine{
		spec: spec, log: log, logQueue: queue, exe: exe, starter: process.NewStarter(), live: live, origin: time.Now(), pacer: pacer,
		mail: make(chan func(), 64), quit: make(chan struct{}), ended: make(chan struct{}),
		root: newBranch(nil, spec, pacer), calls: map[uint64]chan<- error{}, away: map[uint64]*awayCall{}, kept: map[string]*child{},
		children: map[uint32]*child{}, kinds: map[string]*kind{}, running: map[*running]struct{}{},
	}}, nil
}

// begin makes this process's own part in the program: number 0, with no actor.
func (s *Supervisor) begin() error {
	r, link, err := s.connect(wire.Addr{ID: 0, Incarnation: 1})
	if err != nil {
		return err
	}
	n, err := newNotifier(s.spec.Notifier)
	if err != nil {
		return err
	}
	s.post(func() {
		s.keeper.Add(0, "root", wire.Mailbox{})
		s.keeper.Begin(r.addr, "", s.poster(r))
	})
	s.host, err = hosting.New(hosting.Config{Link: link, Notifier: n, Log: s.log, Busy: onLoop})
	return err
}

// loop owns the supervisor's state: everything happens here, one thing at a time.
func (s *Supervisor) loop() {
	passed := 0 // functions taken from mail since something was left for later
	for {
		if f := s.above.next(); f != nil {
			s.perform(f)
			continue
		}
		if len(s.later) == 0 {
			passed = 0
			select {
			case f := <-s.mail:
				s.perform(f)
			case <-s.quit:
				s.closeKeeper()
				return
			}
			continue
		}
		if passed++; passed <= cap(s.mail) { // there may always be more mail
			select {
			case f := <-s.mail:
				s.perform(f)
				continue
			case <-s.quit:
				s.closeKeeper()
				return
			default:
			}
		}
		passed = 0
		f := s.later[0]
		s.later = s.later[1:]
		s.perform(f)
	}
}

func (s *Supervisor) closeKeeper() {
	if s.keeper != nil {
		s.keeper.Close()
	}
}

// perform calls f and the functions that f leaves to be done soon. In a process that is
// about to kill itself it never returns, so that the loop does not react to that.
func (s *Supervisor) perform(f func()) {
	if hosting.Doomed.Load() {
		select {}
	}
	f()
	for len(s.soon) > 0 {
		f := s.soon[0]
		s.soon = s.soon[1:]
		f()
	}
}

// post makes the loop call f. It returns false if the loop has ended.
func (s *Supervisor) post(f func()) bool {
	if s.ofActor() {
		return false
	}
	select {
	case s.mail <- f:
		return true
	case <-s.quit:
		return false
	}
}

// errOnLoop is what a program's function gets that waits for the loop that waits for it.
var errOnLoop = errors.New("supervisor: a function of Spec.OnEvent or Spec.OnLetter, or that of a Definition, " +
	"cannot wait for the supervisor, which waits for its return: call this in another goroutine, and return")

// onLoop returns an error if the caller is a function that a loop has called.
func onLoop() error {
	if hosting.Under((*Supervisor).loop) {
		return errOnLoop
	}
	return nil
}

// call makes the loop call f and waits until f has returned. It returns false if the
// loop has ended. Called by the loop itself it panics: it would wait for ever.
func (s *Supervisor) call(f func()) bool {
	if err := onLoop(); err != nil {
		panic(err)
	}
	done := make(chan struct{})
	if !s.post(func() { f(); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-s.quit:
		return false
	}
}

// Context returns a context with which this process can send and ask. It is needed if
// the supervisor was made by New; in a program that Run runs, any context will do.
func (s *Supervisor) Context(ctx context.Context) context.Context { return s.host.Context(ctx) }

// Shutdown stops all children in reverse order, each within its Shutdown time, and
// frees everything. It returns when nothing is left. It may be called again. For a
// supervisor below another one it is the same as Terminate of that child.
func (s *Supervisor) Shutdown() {
	if s.ofActor() && s.id == 0 {
		return // only the root process can
	}
	if s.id != 0 {
		_ = s.terminate(context.Background(), s.id)
		return
	}
	s.call(func() { s.stepIn(s.root, tree.Shutdown{}) })
	<-s.ended
	s.closeOnce.Do(func() {
		if s.host != nil {
			// The last notices for this process's monitors may be on their way.
			ctx, cancel := context.WithTimeout(context.Background(), answerTime)
			s.host.Settle(ctx)
			cancel()
			s.host.Close()
		}
		close(s.quit)
		s.mu.Lock()
		rest := s.running
		s.running = nil
		s.mu.Unlock()
		for r := range rest {
			r.close()
		}
		s.starter.Close()
		s.live.Close()
		s.workers.Wait() // then lanes are dropped, and nobody holds a descriptor of one
		if err := lane.Sweep(0); err != nil {
			s.log.Warn("queues could not be removed", "err", err)
		}
		s.logQueue.flush()
	})
}

// Done is closed when the program's supervisor has ended: no child is left and
// none will be started.
func (s *Supervisor) Done() <-chan struct{} { return s.ended }

// Err is why the program's supervisor has given up: an *IntensityError, or nil if it
// has not.
func (s *Supervisor) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// killTogether bounds the wait for the ends of processes that are killed together.
const killTogether = 2 * time.Second

// killAll kills every child at once, without the loop, which then does nothing any more.
// It returns when they and what they leave behind have ended. The caller then ends this
// process.
func (s *Supervisor) killAll() {
	hosting.Doomed.Store(true)
	var dying []*running
	s.mu.Lock()
	for r := range s.running {
		switch {
		case r.proc != nil:
			_ = r.proc.KillGroup()
			dying = append(dying, r)
		case r.far != nil:
			_ = r.far.Kill()
			dying = append(dying, r)
		}
	}
	s.mu.Unlock()
	late := time.After(killTogether)
	for _, r := range dying {
		if p, ok := r.proc.(*process.Process); ok {
			select {
			case <-p.Done(): // now its daemons are this process's orphans
			case <-late:
				late = time.After(0)
			}
		}
	}
	process.EndOrphans()
	for _, r := range dying {
		r.dropUnread()
	}
	_ = lane.Leave(false, nil) // the next start sweeps what is left
}

// dropUnread closes the descriptors that a dead process has sent and that were not
// received.
func (r *running) dropUnread() {
	r.closeLink()
	for {
		_, files, err := receive(r.link)
		closeFiles(files)
		if t := new(sock.TruncatedError); err != nil && !errors.Is(err, errRefused) && !errors.As(err, &t) {
			return
		}
	}
}

// DeadLetters is the number of messages that became dead letters since the program began.
func (s *Supervisor) DeadLetters() uint64 { return s.letters.Load() }

// Restarts is the number of restarts of children since the program began.
func (s *Supervisor) Restarts() uint64 { return s.restarts.Load() }

// Traffic counts the messages that this process has sent to actors, the answers it got,
// and what was dropped or came too late. An actor uses Context.Traffic.
func (s *Supervisor) Traffic() mailbox.Traffic { return s.host.Traffic() }

func (s *Supervisor) letter(l keeper.Letter) {
	s.letters.Add(1)
	name := codec.NameOf(codec.ID(l.Type)) // this process may have sent it: actors tell only the names of what they handle
	if name == "" {
		name = s.keeper.TypeName(l.Type)
	}
	child := s.keeper.Name(l.To)
	s.log.Warn("dead letter", "to", child, "reason", LetterReason(l.Reason), "type", name, "bytes", l.Size, "text", l.Text)
	if s.spec.OnLetter != nil {
		s.spec.OnLetter(Letter{Time: time.Now(), To: l.To, Child: child, From: l.From.ID, Type: l.Type, Name: name, Size: int(l.Size),
			Reason: LetterReason(l.Reason), Text: l.Text, Payload: l.Payload})
	}
}

func (s *Supervisor) event(kind EventKind, c *child, text string) {
	if s.above != nil {
		s.above.event(kind, c, text)
		return
	}
	switch kind {
	case EventStarting:
		s.manager.starts(c)
		c.gone = false
	case EventGone:
		if c.gone {
			return // an incarnation whose start was never reported has ended
		}
		c.gone = true
	}
	e := Event{Time: time.Now(), Kind: kind, Text: text}
	if c != nil {
		e.Supervisor = c.branch.path
		e.Child, e.ID, e.Incarnation, e.PID = c.name, c.id, int(c.incarnation), c.pid
		if c.exit != nil && kind.hasExit() {
			x := actorExit(c.exit)
			e.Exit = &x
		}
	}
	if s.spec.OnEvent != nil {
		s.spec.OnEvent(e)
	}
}

func programName() string { return filepath.Base(os.Args[0]) }
