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

// Supervisor starts children, restarts them by its Spec, and keeps their
// mailboxes. It is the supervisor of a program, or one below it; see
// StartSupervisor. Its methods may be called by any goroutine of the root
// process; an actor has one by Of.
type Supervisor struct {
	*engine
	id uint32 // of the child that it is; 0 for the program's supervisor
}

// engine is what all supervisors of a program share.
type engine struct {
	spec     Spec
	log      *slog.Logger // waits for no reader that hangs
	logQueue *logQueue
	exe      string
	starter  *process.Starter
	live     *process.Liveness
	host     hosting.Host // of this process
	origin   time.Time    // of the machine's clock
	pacer    *tree.Pacer  // of all its branches

	mail  chan func()   // what the loop does next; the loop owns all that follows
	quit  chan struct{} // closed when the loop is to end
	later []func()      // after what is in mail now
	soon  []func()      // after what is being done

	keeper   *keeper.Keeper
	root     *branch
	children map[uint32]*child
	kinds    map[string]*kind // by definition
	lastID   uint32
	calls    map[uint64]chan<- error // commands without an answer
	signals  chan os.Signal          // that commands want; nil when none does
	away     map[uint64]*awayCall    // those that another process is to answer
	kept     map[string]*child       // children that are away while their supervisor is restarted, by path
	above    *above                  // in a supervisor's own process: its link to the root
	manager  *manager                // of the program that Run runs; nil below it, and with New
	far      hosting.Host            // of what Of has made: by it the root is asked; nothing else is set but host
	lastCall uint64

	unnoticed []*wire.Exit // deaths whose watchers have not been told

	letters   atomic.Uint64
	restarts  atomic.Uint64
	endOnce   sync.Once
	closeOnce sync.Once
	workers   sync.WaitGroup // the loop, and what sends to processes
	ended     chan struct{}  // closed when no child is left and none will be started

	mu      sync.Mutex
	running map[*running]struct{} // for killing in a hurry
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
	return fmt.Sprintf(who+" gave up: %s died (%s) and more than %d restarts in %v are not allowed; see Spec.Intensity and Spec.Period",
		e.Child, e.Exit.Summary, e.Intensity, e.Period)
}

// ErrEnded says that a supervisor has ended, or is about to end.
var ErrEnded = errors.New("supervisor: it has ended")

// New makes a supervisor in this process and starts the children of its Spec. If one
// of them does not start, the others are stopped, and the error is a *StartError.
// Programs call Run instead; tests call New, and Shutdown when they are done. ctx
// bounds the start only.
func New(ctx context.Context, spec Spec) (*Supervisor, error) {
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
		return nil, errors.New("supervisor: this process was started as a child and has not taken its role: " +
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
		return nil, fmt.Errorf("supervisor: which program is this: %w; mount /proc", err)
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
		s.keeper.Begin(r.addr, "", r.queue.post)
	})
	s.host, err = hosting.New(hosting.Config{Link: link, Notifier: n, Log: s.log})
	return err
}

// loop owns the supervisor's state: whatever happens, happens here, one thing
// at a time.
func (s *Supervisor) loop() {
	passed := 0 // from mail, since something was left for later
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

// perform does f, and what it has left to be done soon. Of a process that is about
// to kill itself it never returns: what happens now is that end.
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

// post makes the loop do f. It says no when the loop has ended.
func (s *Supervisor) post(f func()) bool {
	if s.far != nil {
		return false
	}
	select {
	case s.mail <- f:
		return true
	case <-s.quit:
		return false
	}
}

// call makes the loop do f and waits until it has.
func (s *Supervisor) call(f func()) bool {
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

// Context returns a context with which this process sends and asks: for a supervisor
// that New has made. In a program that Run runs, every context does.
func (s *Supervisor) Context(ctx context.Context) context.Context { return s.host.Context(ctx) }

// Shutdown stops all children in reverse order, each within its Shutdown time, and
// frees everything. It returns when nothing is left. It may be called again. For a
// supervisor below another one it is the same as Terminate of that child.
func (s *Supervisor) Shutdown() {
	if s.far != nil && s.id == 0 {
		return // only its own process can
	}
	if s.id != 0 {
		_ = s.terminate(context.Background(), s.id)
		return
	}
	s.post(func() { s.stepIn(s.root, tree.Shutdown{}) })
	<-s.ended
	s.closeOnce.Do(func() {
		if s.host != nil {
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
		s.workers.Wait() // lanes are dropped, and nobody holds a descriptor of one
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

// killAll kills every child at once, without the loop, which does nothing any more,
// and returns when they have ended, and what they leave behind. This process ends
// next.
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
	_ = lane.Leave(false, nil) // what is left is swept at the next start
}

// dropUnread closes the descriptors that a dead process has sent and nobody has
// received.
func (r *running) dropUnread() {
	r.lastWords()
	for {
		_, files, err := receive(r.link)
		for _, f := range files {
			f.Close()
		}
		if t := new(sock.TruncatedError); err != nil && !errors.Is(err, errRefused) && !errors.As(err, &t) {
			return
		}
	}
}

// DeadLetters is how many messages have become dead letters since the program began.
func (s *Supervisor) DeadLetters() uint64 { return s.letters.Load() }

// Restarts is how many times children were started again since the program began.
func (s *Supervisor) Restarts() uint64 { return s.restarts.Load() }

// Traffic counts what this process has sent to actors, the answers it got, and what was
// dropped or came too late. In an actor it is Context.Traffic.
func (s *Supervisor) Traffic() mailbox.Traffic { return s.host.Traffic() }

func (s *Supervisor) letter(l keeper.Letter) {
	s.letters.Add(1)
	name := codec.NameOf(codec.ID(l.Type)) // this process may have sent it: no actor tells the name of what it does not handle
	if name == "" {
		name = s.keeper.TypeName(l.Type)
	}
	s.log.Warn("dead letter", "to", s.keeper.Name(l.To), "reason", LetterReason(l.Reason), "type", name, "bytes", l.Size, "text", l.Text)
	if s.spec.OnLetter != nil {
		s.spec.OnLetter(Letter{Time: time.Now(), To: l.To, From: l.From.ID, Type: l.Type, Name: name, Size: int(l.Size),
			Reason: LetterReason(l.Reason), Text: l.Text, Payload: l.Payload})
	}
}

func (s *Supervisor) event(kind EventKind, c *child, text string) {
	if s.above != nil {
		s.above.event(kind, c, text)
		return
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
	if kind == EventStarting {
		s.manager.starts(c)
	}
	if s.spec.OnEvent != nil {
		s.spec.OnEvent(e)
	}
}

func programName() string { return filepath.Base(os.Args[0]) }
