package tree

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Backoff delays the restarts of a child: the first by Min, each further one
// by Factor times as much, up to Max. The zero value delays nothing, as in
// OTP. A restart counts toward the intensity when it is tried, not when it is planned.
type Backoff struct {
	// Min is the first delay; 0 means no delays at all.
	Min time.Duration
	// Max is the longest delay; 0 means 30 s, or Min if that is longer.
	Max time.Duration
	// Factor is the ratio of each delay to the one before; 0 means 2. It must not be
	// below 1.
	Factor float64
	// Jitter is the fraction of a delay, between 0 and 1, by which it is randomly
	// lengthened or shortened.
	Jitter float64
	// ResetAfter is how long the child must have been ready before the delays start
	// over; 0 means Max.
	ResetAfter time.Duration
}

func (b Backoff) withDefaults() Backoff {
	if b.Max == 0 {
		b.Max = max(30*time.Second, b.Min)
	}
	if b.Factor == 0 {
		b.Factor = 2
	}
	if b.ResetAfter == 0 {
		b.ResetAfter = b.Max
	}
	return b
}

// base is the delay before the n-th restart in a row, counted from 1, without
// jitter.
func (b Backoff) base(n int) time.Duration {
	d := float64(b.Min) * math.Pow(b.Factor, float64(n-1))
	if d > float64(b.Max) {
		return b.Max
	}
	return time.Duration(d)
}

// Delay is the delay before the n-th restart in a row, counted from 1. random
// is a number from 0 up to 1.
func (b Backoff) Delay(n int, random float64) time.Duration {
	if b.Min == 0 {
		return 0
	}
	b = b.withDefaults()
	d := b.base(n)
	return d + time.Duration(float64(d)*b.Jitter*(2*random-1))
}

// slowest is the shortest window in which a child that always dies at once is certain to
// exceed the limit: the longest time between the first and the last of intensity+1
// restarts.
func (b Backoff) slowest(intensity int) time.Duration {
	sum := 0.0
	for n := 2; n <= intensity+1; n++ {
		d := b.base(n)
		if d == b.Max || b.Factor == 1 { // and so are all that follow
			sum += float64(d) * float64(intensity+2-n)
			break
		}
		sum += float64(d)
	}
	return time.Duration(min(sum*(1+b.Jitter), math.MaxInt64/2))
}

// Validate lists every problem of b.
func (b Backoff) Validate() error {
	if b == (Backoff{}) {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if b.Min <= 0 {
		bad("Backoff.Min %v: it must be positive, or the whole Backoff zero", b.Min)
	}
	if b.Max < 0 || b.Max != 0 && b.Max < b.Min {
		bad("Backoff.Max %v: it must be at least Min, %v, or 0", b.Max, b.Min)
	}
	if b.Factor != 0 && !(b.Factor >= 1 && b.Factor <= 1000) {
		bad("Backoff.Factor %v: it must be between 1 and 1000, or 0", b.Factor)
	}
	if !(b.Jitter >= 0 && b.Jitter <= 1) {
		bad("Backoff.Jitter %v: it must be between 0 and 1", b.Jitter)
	}
	if b.ResetAfter < 0 {
		bad("Backoff.ResetAfter %v: it must not be negative", b.ResetAfter)
	}
	return errors.Join(errs...)
}

// suits checks a valid b against the flags c of its supervisor. Delays must not be so
// long that the limit of restarts can never be exceeded: such a child would fail for
// ever, and no supervisor above would learn of it.
func (b Backoff) suits(c Config) error {
	if b == (Backoff{}) || b.Validate() != nil {
		return nil
	}
	if need := b.withDefaults().slowest(c.Intensity); need > c.Period {
		return fmt.Errorf("Backoff: %d restarts of a child that dies at once may take %v, longer than the Period of %v, so the Intensity of %d could never be exceeded: "+
			"raise Period to at least %v, or lower Intensity, Max or Factor", c.Intensity+1, need.Round(time.Millisecond), c.Period, c.Intensity, need.Round(time.Millisecond))
	}
	return nil
}
