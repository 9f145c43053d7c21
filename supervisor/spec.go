package supervisor

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Spec says how a supervisor treats its children. The zero value is OTP's
// default: one_for_one, at most one restart in five seconds.
type Spec struct {
	// Children are started in this order when the supervisor is started or
	// restarted. If one of them does not start, those before it are stopped. Each
	// has an Actor, a Command, a Supervisor or a Subtree. More can be added later.
	// With SimpleOneForOne there must be exactly one: the template of the children
	// that will be added.
	Children []Child

	// AutoShutdown says whether the supervisor ends when its significant
	// children have ended by themselves; the default is Never.
	AutoShutdown AutoShutdown

	// Strategy says which children are restarted when one dies; the default
	// is OneForOne.
	Strategy Strategy

	// Intensity is how many restarts are allowed within Period. At the next one the
	// supervisor gives up and stops its children. 0 means 1, OTP's default;
	// NoRestarts means none.
	Intensity int

	// Period is the length of the sliding window in which restarts are counted,
	// on the monotonic clock. 0 means 5 s.
	Period time.Duration

	// Pace spaces out restarts when many come at once, so that a storm of them
	// takes only a few percent of a processor. By default eight are made at once,
	// and then 16 a second; a child that was ready for 10 s is not delayed. No delay is
	// longer than Period/(2*(Intensity+1)), so that a child which dies at once still
	// exceeds the Intensity: with an Intensity of 1000 hardly anything is spaced out. It
	// counts the restarts of all supervisors in this process, so it belongs in the Spec
	// of the program, or in that of a Definition, which can have its own process. With
	// the default Intensity it makes no difference.
	Pace Pace

	// Log gets crash reports and warnings; nil means slog.Default. A handler that
	// hangs delays nothing: up to 256 records wait for it, and further ones are
	// dropped and counted.
	Log *slog.Logger

	// OnEvent is called for each event, in order, by the supervisor's own goroutine:
	// it must return quickly. It must not wait for the supervisor: methods that do so
	// panic, and sends and lookups fail that need the supervisor's answer. Do them in
	// another goroutine.
	OnEvent func(Event)

	// OnLetter is called for each dead letter, like OnEvent.
	OnLetter func(Letter)

	// LateReady says that the program itself tells the service manager when it is
	// ready, with Notify("READY=1"). Otherwise Run does so when the Children are
	// ready, if there are any.
	LateReady bool

	// Notifier is how the processes of the program sleep and are woken: "futex" or
	// "eventfd". "" means what the environment variable UNDERSTUDY_NOTIFIER says,
	// or else the best that the kernel has; actors in place then use eventfds, since
	// with futexes each of them would need a thread to sleep in.
	Notifier string

	pool *Pool // the pool whose members the children are, if any
}

// NoRestarts, as Intensity, means that the first restart is one too many: OTP's
// intensity of zero.
const NoRestarts = -1

// MaxIntensity is the largest Spec.Intensity.
const MaxIntensity = 1 << 20

// Validate lists every problem of s.
func (s Spec) Validate() error {
	var errs []error
	if err := s.withDefaults().config(nil).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("supervisor: %w", err))
	}
	if s.Intensity < NoRestarts || s.Intensity > MaxIntensity {
		errs = append(errs, fmt.Errorf("supervisor: Intensity %d: it must be between NoRestarts and %d", s.Intensity, MaxIntensity))
	}
	if err := tree.Pace(s.Pace).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("supervisor: %w", err))
	}
	if !slices.Contains(notifiers, s.Notifier) {
		errs = append(errs, fmt.Errorf("supervisor: %w", notifierError(s.Notifier)))
	}
	if s.pool != nil {
		p := *s.pool
		p.Member.Actor = nil // Child has set it
		errs = append(errs, p.Validate())
	}
	return errors.Join(append(errs, s.validateChildren()...)...)
}

func (s Spec) withDefaults() Spec {
	switch s.Intensity {
	case 0:
		s.Intensity = 1
	case NoRestarts:
		s.Intensity = 0
	}
	if s.Period == 0 {
		s.Period = 5 * time.Second
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Notifier == "" {
		s.Notifier = os.Getenv(notifierVar)
	}
	return s
}

// Child says how one child is started, restarted and stopped. The zero value
// is OTP's default worker: permanent, five seconds to stop.
type Child struct {
	// Name is unique among the children of a supervisor; the default is the
	// definition's name. It must not contain a slash. The child's process is named by
	// up to 15 bytes of its path: ps -o pid,comm and top show that, while the command
	// line of all children is that of the root.
	Name string

	// Actor is what runs in the child's process: a result of actor.Define.
	// StartChild sets it.
	Actor actor.AnyDefinition

	// Command is what runs instead of an Actor, if the child is another program.
	// StartCommand sets it.
	Command *Command

	// Supervisor makes the child a supervisor, in place of an Actor.
	// StartSupervisor sets it. Of the other fields, only Name, Restart, Significant,
	// Shutdown and Backoff apply to it.
	Supervisor *Spec

	// Subtree makes the child a supervisor too, one made with Define, in a process
	// of its own; with InPlace, in the process of the supervisor above. StartSubtree
	// sets it.
	Subtree *Definition

	// Significant says that the supervisor may end when this child ends by itself;
	// see Spec.AutoShutdown. A significant child cannot be Permanent.
	Significant bool

	// Backoff delays its restarts. By default they are not delayed.
	Backoff Backoff

	// Restart says after what kind of end the child is started again; the default
	// is Permanent.
	Restart Restart

	// Shutdown is how long the child may take to end when it is asked to; after
	// that it is killed. An actor finishes the message in hand first. 0 means 5 s, or
	// Infinity for a supervisor. BrutalKill kills without asking; Infinity waits
	// without limit.
	Shutdown time.Duration

	// Start is how long it may take from the start of the process until its Setup
	// has returned; after that it is killed, and the start has failed. 0 means
	// 30 s, or Infinity for a supervisor. Infinity waits without limit.
	Start time.Duration

	// NormalCodes are exit codes that count as a normal end, like 0.
	NormalCodes []int

	// FatalCodes are exit codes by which the child says that another attempt makes
	// no sense: it is not started again, whatever Restart says. The end counts as
	// a failure. 125 is a usual choice.
	FatalCodes []int

	// MaxStopped is how long the child may stay stopped by a signal (SIGSTOP, or a
	// debugger's) before it is killed; 0 means without limit. Each stop is an
	// EventSuspended. A Subtree whose process is stopped does not end when it is asked
	// to: with neither a Shutdown nor a MaxStopped it holds up the end of the program
	// until it is continued, or until Run gets a second signal.
	MaxStopped time.Duration

	// Watchdog kills an actor that hangs: one that has completed no message for this
	// long, although one was in hand or waiting. Time in which the process waits
	// for a processor or is stopped does not count. Before it is killed, the process
	// writes its goroutines, which are then in Exit.Stack. 0 means no watchdog.
	Watchdog time.Duration

	// Mailbox configures the child's mailbox. A Queue of "" means what the
	// environment variable UNDERSTUDY_QUEUE says, or else the ring.
	Mailbox mailbox.Config

	// Memory limits the child's data memory, in bytes (RLIMIT_DATA, and GOMEMLIMIT
	// at 80 % of it); 0 means no limit. It must be at least MinMemory, 64 MiB,
	// which a Go process needs to begin with. Shared segments do not count. Nor do
	// the variables of the executable and, with cgo, the stacks of eight threads plus
	// one for each processor: RLIMIT_DATA is larger by these. With cgo each further
	// thread takes RLIMIT_STACK of it, usually 8 MiB; LimitStack reduces that.
	Memory uint64

	// Limits are the other restrictions on what its process may use and do.
	Limits Limits

	// Env is added to what the child inherits of this process's environment:
	// "KEY=value".
	Env []string

	// PassEnv lists the names of the variables that the child inherits from this
	// process's environment; nil means all, an empty list none. It keeps the
	// program's secrets from children that do not need them. The variables of this
	// library, UNDERSTUDY_..., and XDG_RUNTIME_DIR are always inherited.
	PassEnv []string

	// Stderr gets what the child writes to its stderr; nil means the stderr of this
	// process. The end of it is always kept for Exit.Stderr. The child's stdout is
	// that of this process, and its stdin is /dev/null.
	Stderr io.Writer

	// Operator says that the actor may start, stop, replace and resize children
	// anywhere in the tree, with the supervisor that Of gives it. All other actors are
	// refused, so that a child with Limits cannot start one without. If the actor is
	// below a supervisor in its own process, that supervisor's Child must be an
	// Operator too.
	Operator bool

	// InPlace runs the actor as a goroutine of this process, with the same
	// semantics: for tests and debuggers. It cannot be killed, only stopped. Env,
	// PassEnv and Stderr are those of this process; Memory, Limits and Watchdog are
	// refused.
	InPlace bool
}

// The special values of Child.Shutdown and Child.Start.
const (
	BrutalKill time.Duration = -1 // kill without asking
	Infinity   time.Duration = -2 // wait without limit
)

// MinMemory is the smallest Child.Memory, in bytes.
const MinMemory = 64 << 20

// Validate lists every problem of c.
func (c Child) Validate() error {
	var errs []error
	if err := c.rules().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("supervisor: %w", err))
	}
	if c.Shutdown < Infinity {
		errs = append(errs, fmt.Errorf("supervisor: Shutdown %v: it must be positive, 0, BrutalKill or Infinity", c.Shutdown))
	}
	if c.Start < 0 && c.Start != Infinity {
		errs = append(errs, fmt.Errorf("supervisor: Start %v: it must be positive, 0 or Infinity", c.Start))
	}
	if c.Memory != 0 && c.Memory < MinMemory {
		errs = append(errs, fmt.Errorf("supervisor: Memory of %d bytes is below the minimum of %d: a Go process needs that much to begin with", c.Memory, MinMemory))
	}
	for _, e := range c.Env {
		if i := strings.IndexByte(e, '='); i < 1 || strings.IndexByte(e, 0) >= 0 {
			errs = append(errs, fmt.Errorf("supervisor: Env %q: it must be KEY=value", e))
		}
	}
	for _, name := range c.PassEnv {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			errs = append(errs, fmt.Errorf("supervisor: PassEnv %q: it must be the name of a variable", name))
		}
	}
	errs = append(errs, c.validateCodes()...)
	errs = append(errs, c.validateLimits()...)
	if c.MaxStopped < 0 || c.Watchdog < 0 {
		errs = append(errs, fmt.Errorf("supervisor: MaxStopped %v, Watchdog %v: they must not be negative", c.MaxStopped, c.Watchdog))
	}
	if c.InPlace && c.Watchdog != 0 {
		errs = append(errs, errors.New("supervisor: Watchdog cannot kill a child that runs in place"))
	}
	if c.InPlace && c.Memory != 0 {
		errs = append(errs, errors.New("supervisor: Memory cannot limit a child that runs in place"))
	}
	if err := c.Mailbox.Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, c.validateKind()...)...)
}

func (c Child) validateCodes() (errs []error) {
	for _, code := range slices.Concat(c.NormalCodes, c.FatalCodes) {
		if code < 1 || code > 255 {
			errs = append(errs, fmt.Errorf("supervisor: exit code %d: NormalCodes and FatalCodes must be between 1 and 255", code))
		}
	}
	for _, code := range c.NormalCodes {
		if slices.Contains(c.FatalCodes, code) {
			errs = append(errs, fmt.Errorf("supervisor: exit code %d is in NormalCodes and in FatalCodes", code))
		}
	}
	return errs
}
