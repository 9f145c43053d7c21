package supervisor

import (
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
)

// Strategy says which children are restarted when one of them dies. The names
// and the rules are OTP's.
type Strategy = tree.Strategy

// The strategies.
const (
	OneForOne       = tree.OneForOne       // the one that died
	OneForAll       = tree.OneForAll       // all children: the others are stopped first
	RestForOne      = tree.RestForOne      // the one that died and those started after it
	SimpleOneForOne = tree.SimpleOneForOne // the one that died; all children are made from one template
)

// Restart says after what kind of end a child is started again. The names and the
// rules are OTP's.
type Restart = tree.Restart

// The restart types.
const (
	Permanent = tree.Permanent // after every end
	Transient = tree.Transient // after a failure: not after exit code 0 or one of Child.NormalCodes
	Temporary = tree.Temporary // never; the supervisor forgets the child when it has ended
)

// AutoShutdown says whether a supervisor ends when its significant children
// (Child.Significant) have ended by themselves.
type AutoShutdown = tree.AutoShutdown

// The values of Spec.AutoShutdown.
const (
	Never          = tree.Never
	AnySignificant = tree.AnySignificant // when the first significant child has ended by itself
	AllSignificant = tree.AllSignificant // when the last one has
)

// Backoff delays the restarts of a child: the first by Min, each further one by
// Factor times as much, up to Max. The zero value delays nothing, as in OTP. A
// restart counts toward Spec.Intensity when it is tried, not when it is planned.
type Backoff struct {
	// Min is the first delay; 0 means no delays at all.
	Min time.Duration

	// Max is the longest delay; 0 means 30 s, or Min if that is longer.
	Max time.Duration

	// Factor is the ratio of each delay to the one before; 0 means 2. It must not be
	// below 1.
	Factor float64

	// Jitter, from 0 to 1, is the fraction of a delay by which it is randomly
	// lengthened or shortened: with 0.2 a delay of 1 s is between 0.8 and 1.2 s.
	Jitter float64

	// ResetAfter is how long the child must have been ready before the next delay is
	// Min again; 0 means Max.
	ResetAfter time.Duration
}

// Pace spaces out restarts when many come at once; see Spec.Pace. The zero value
// is the default.
type Pace struct {
	// Burst is how many restarts are made at once; 0 means 8.
	Burst int

	// Every is the time between the restarts that follow the burst, and the time
	// after which one more restart can again be made at once; 0 means 60 ms, Unpaced
	// means that no restart waits.
	Every time.Duration
}

// Unpaced, as Pace.Every, means that no restart waits.
const Unpaced = tree.Unpaced
