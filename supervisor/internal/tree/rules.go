package tree

import (
	"errors"
	"fmt"
	"time"
)

// Restart is OTP's restart type.
type Restart uint8

// The restart types.
const (
	Permanent Restart = iota // always restarted
	Transient                // restarted after an abnormal end
	Temporary                // never restarted
)

func (r Restart) String() string {
	return name(uint8(r), "permanent", "transient", "temporary")
}

// Strategy is OTP's restart strategy.
type Strategy uint8

// The strategies.
const (
	OneForOne  Strategy = iota // the child that died
	OneForAll                  // all children
	RestForOne                 // the child that died and those started after it

	// SimpleOneForOne is one_for_one for any number of children made from one
	// template. They have no order, and all stop at once.
	SimpleOneForOne
)

func (s Strategy) String() string {
	return name(uint8(s), "one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one")
}

// AutoShutdown is OTP's auto_shutdown: whether a supervisor ends when its
// significant children have ended by themselves.
type AutoShutdown uint8

// The values of AutoShutdown.
const (
	Never          AutoShutdown = iota
	AnySignificant              // when one of them has
	AllSignificant              // when the last of them has
)

func (a AutoShutdown) String() string {
	return name(uint8(a), "never", "any_significant", "all_significant")
}

// Config holds a supervisor's flags.
type Config struct {
	Strategy     Strategy
	Intensity    int // 0 means no restart at all
	Period       time.Duration
	AutoShutdown AutoShutdown
	Random       func() float64 // for jitter, from 0 up to 1; nil means no jitter
	Pacer        *Pacer         // spaces out restarts; nil means that none waits
}

// Validate lists every problem of c.
func (c Config) Validate() error {
	var errs []error
	if c.Strategy > SimpleOneForOne {
		errs = append(errs, fmt.Errorf("Strategy %d: it must be OneForOne, OneForAll, RestForOne or SimpleOneForOne", c.Strategy))
	}
	if c.AutoShutdown > AllSignificant {
		errs = append(errs, fmt.Errorf("AutoShutdown %d: it must be Never, AnySignificant or AllSignificant", c.AutoShutdown))
	}
	if c.AutoShutdown != Never && c.Strategy == SimpleOneForOne {
		errs = append(errs, fmt.Errorf("AutoShutdown %v: a simple_one_for_one supervisor has no significant children: it must be Never", c.AutoShutdown))
	}
	if c.Period < 0 {
		errs = append(errs, fmt.Errorf("Period %v: it must not be negative", c.Period))
	}
	return errors.Join(errs...)
}

// Reason is OTP's exit reason, as far as it matters to the rules.
type Reason uint8

// The reasons.
const (
	Normal       Reason = iota // exit code 0, without being asked
	ByRequest                  // exit code 0, asked to end or declared as shutdown
	Abnormal                   // everything else
	Final                      // abnormal, with one of Child.FatalCodes: no restart
	ShutdownWith               // exit code 0, declared as {shutdown, X}
	Killed                     // by the supervisor's own SIGKILL
)

func (r Reason) String() string {
	return name(uint8(r), "normal", "shutdown", "abnormal", "final", "{shutdown,_}", "killed")
}

// InOrder says whether an end for that reason is not a failure.
func (r Reason) InOrder() bool { return r == Normal || r == ByRequest || r == ShutdownWith }

func name(i uint8, names ...string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

// ShouldRestart says whether a child of that type is restarted after an end for that
// reason.
func ShouldRestart(r Restart, reason Reason) bool {
	return reason != Final && (r == Permanent || r == Transient && !reason.InOrder())
}

// StoppedWell says whether a child that was stopped has ended as it should;
// otherwise OTP reports a shutdown_error.
func StoppedWell(s ChildSpec, reason Reason) bool {
	switch {
	case reason == Killed:
		return s.BrutalKill
	case reason == ByRequest && !s.BrutalKill:
		return true
	}
	return reason.InOrder() && s.Restart != Permanent
}

// Window is the sliding window of restarts, OTP's add_restart.
type Window struct {
	intensity int
	period    time.Duration
	at        []time.Duration // of the restarts in the window, the oldest first
}

// NewWindow allows intensity restarts within period. Zero allows none.
func NewWindow(intensity int, period time.Duration) *Window {
	return &Window{intensity: intensity, period: period}
}

// Add counts a restart at now, a time on any monotonic clock, and says whether it is
// allowed. As in OTP, an entry that is exactly a period old still counts.
func (w *Window) Add(now time.Duration) (allowed bool) {
	w.at = append(w.at[w.old(now):], now)
	return len(w.at) <= w.intensity
}

// Count is the number of restarts in the window.
func (w *Window) Count(now time.Duration) int { return len(w.at) - w.old(now) }

// old is how many restarts are no longer in the window.
func (w *Window) old(now time.Duration) (n int) {
	for n < len(w.at) && w.at[n] < now-w.period {
		n++
	}
	return n
}

// Cause says who is to blame for a death.
type Cause uint8

// The causes.
const (
	Asked       Cause = iota // the program itself asked for the death
	Own                      // the child's own doing: panic, exit, memory limit
	Unexplained              // a signal from outside
)

// Policy says how many deaths a message in hand survives.
type Policy struct {
	Redeliver int // 0: none
}

// Charge counts the deaths that were charged to a message.
type Charge struct {
	Own, Unexplained int
}

// Decision says what happens to the message that was in hand at a death.
type Decision uint8

// The decisions.
const (
	Redeliver Decision = iota
	Quarantine
)

// UnexplainedLimit is the number of deaths by signals from outside at which a message
// is quarantined even if it is redelivered.
const UnexplainedLimit = 10

// Verdict charges a death to the message that was in hand, and decides. A death that
// the program asked for is not charged. With Redeliver n the message is quarantined at
// the n-th death of the child's own doing, or at the UnexplainedLimit-th unexplained
// one; with 0, at the first charged death.
func Verdict(c Charge, cause Cause, p Policy) (Charge, Decision) {
	switch cause {
	case Asked:
		return c, Redeliver
	case Own:
		c.Own++
	default:
		c.Unexplained++
	}
	if c.Own >= p.Redeliver || c.Unexplained >= UnexplainedLimit {
		return c, Quarantine
	}
	return c, Redeliver
}
