package tree

import (
	"errors"
	"fmt"
	"time"
)

// Pace spaces out restarts: Burst of them are made at once, further ones at most one in
// Every. It counts restarts as the window does: failed attempts count, and a whole group
// counts once. A child that was ready for Settled is not in a loop and does not wait.
// OTP has nothing like it, since its processes cost next to nothing.
type Pace struct {
	// Burst is how many restarts are made at once; 0 means 8. After each Every, one
	// more is available again.
	Burst int
	// Every is the time between the restarts that follow the burst; 0 means 60 ms,
	// Unpaced means that no restart waits.
	Every time.Duration
}

// Settled is how long a child must have been ready for its restart not to wait.
const Settled = 10 * time.Second

// Unpaced, as Pace.Every, means that no restart waits.
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

// Pacer applies a Pace to all the machines that share it. They share a clock, and one
// goroutine drives them.
type Pacer struct {
	pace Pace
	last time.Duration // the time of the last turn given out
}

// NewPacer returns a pacer whose burst is unused.
func NewPacer(p Pace) *Pacer {
	p = p.withDefaults()
	return &Pacer{pace: p, last: -time.Duration(p.Burst) * p.Every}
}

// wait gives out the next turn and returns the time until then, at most most. With a nil
// Pacer nobody waits.
func (p *Pacer) wait(now, most time.Duration) time.Duration {
	if p == nil || p.pace.Every == Unpaced {
		return 0
	}
	last := max(p.last, now-time.Duration(p.pace.Burst)*p.pace.Every)
	d := min(last+p.pace.Every-now, most)
	p.last = max(last, now+d)
	return max(d, 0)
}

// pace is how long the next attempt to restart a child has to wait. A machine that is
// about to give up does not wait. Nor are turns so far apart that a child that always
// dies at once could never exceed the limit.
func (m *Machine) pace() time.Duration {
	if m.window.Count(m.now) >= m.config.Intensity {
		return 0
	}
	return m.config.Pacer.wait(m.now, m.config.Period/time.Duration(2*(m.config.Intensity+1)))
}
