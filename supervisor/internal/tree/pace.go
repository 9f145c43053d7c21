package tree

import (
	"errors"
	"fmt"
	"time"
)

// Pace spaces out restarts: Burst of them are made at once, further ones no
// oftener than one in Every. It is about restarts as the window counts them,
// failed attempts too, a whole group being one. Who has been ready for Settled
// is not in a loop and does not wait. OTP has no such thing: its processes cost
// next to nothing.
type Pace struct {
	// Burst is how many restarts are made at once; 0 means 8. An unused one is
	// there again after Every.
	Burst int
	// Every is the time between two of the restarts that come after that; 0
	// means 60 ms, Unpaced means none.
	Every time.Duration
}

// Settled is how long a child must have been ready for its restart not to wait.
const Settled = 10 * time.Second

// Unpaced as Pace.Every means that no restart waits.
const Unpaced time.Duration = -1

// Validate lists every problem of p.
func (p Pace) Validate() error {
	var errs []error
	if p.Burst < 0 {
		errs = append(errs, fmt.Errorf("Pace.Burst %d: it must not be negative", p.Burst))
	}
	if p.Every < Unpaced {
		errs = append(errs, fmt.Errorf("Pace.Every %v: it must be positive, 0 or Unpaced", p.Every))
	}
	return errors.Join(errs...)
}

func (p Pace) withDefaults() Pace {
	if p.Burst == 0 {
		p.Burst = 8
	}
	if p.Every == 0 {
		p.Every = 60 * time.Millisecond
	}
	return p
}

// Pacer keeps a Pace for all the machines that share it. They share a clock,
// and are driven by one goroutine.
type Pacer struct {
	pace Pace
	next time.Duration // the turn that was given out last
}

// NewPacer returns a pacer of which nothing is used up.
func NewPacer(p Pace) *Pacer {
	p = p.withDefaults()
	return &Pacer{pace: p, next: -time.Duration(p.Burst) * p.Every}
}

// wait gives out the next turn, and says how long it is until then, but no more
// than most. A nil Pacer lets nobody wait.
func (p *Pacer) wait(now, most time.Duration) time.Duration {
	if p == nil || p.pace.Every == Unpaced {
		return 0
	}
	last := max(p.next, now-time.Duration(p.pace.Burst)*p.pace.Every)
	d := min(last+p.pace.Every-now, most)
	p.next = max(last, now+d)
	return max(d, 0)
}

// pace is how long the next attempt to restart a child has to wait. A machine that is
// about to give up does not wait for that. And turns do not come so slowly that
// a child which dies at once could never reach the limit.
func (m *Machine) pace() time.Duration {
	if m.config.Intensity == 0 || m.window.Count(m.now) >= m.config.Intensity {
		return 0
	}
	return m.config.Pacer.wait(m.now, m.config.Period/time.Duration(2*(m.config.Intensity+1)))
}
