package node

import (
	"math"
	"testing"
	"time"
	"unsafe"
)

// stepped is t as it would be if the wall clock had been set by d before, in whole
// seconds: the monotonic clock says the same. It knows how a time.Time is made, which
// the test checks.
func stepped(t time.Time, d time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(d/time.Second) << 30
	return t
}

// TestDeadlineOnAWallClockThatWasSet: a deadline that is a time of day is as far away
// for the callee as for the asker, also when the clock was set since the process began.
func TestDeadlineOnAWallClockThatWasSet(t *testing.T) {
	const far = 10 * time.Hour
	now := time.Now()
	if s := stepped(now, far); s.Sub(now) != 0 || s.Round(0).Sub(now.Round(0)) != far {
		t.Skip("this version of Go makes a time.Time in another way")
	}
	begun := origin
	t.Cleanup(func() { origin = begun })
	for _, step := range []time.Duration{-far, 0, far} {
		origin = stepped(begun, step)
		for _, d := range []time.Duration{-time.Hour, time.Hour} {
			for _, deadline := range []time.Time{time.Now().Add(d), time.Now().Add(d).Round(0)} {
				if left := time.Duration(At(deadline) - Monotonic()); (left - d).Abs() > time.Hour {
					t.Errorf("clock set by %v: a deadline in %v is in %v", step, d, left)
				}
			}
		}
	}
	if at := At(time.Now().Round(0).Add(math.MaxInt64)); at != math.MaxInt64 {
		t.Errorf("a deadline at the end of time is %d", at)
	}
}
