package node

import (
	"math"
	"time"
)

// Deadlines cross processes as nanoseconds of the system's monotonic clock,
// which all processes of a machine share. Go's own monotonic readings are of
// that clock, but only as differences, so its value is taken once.
var (
	origin     = time.Now()
	originMono = readMonotonic()
)

// Monotonic is the system's monotonic clock in nanoseconds.
func Monotonic() int64 { return originMono + int64(time.Since(origin)) }

// At is t on the system's monotonic clock.
// A time beyond that clock is its end.
func At(t time.Time) int64 {
	from, mono := origin, originMono
	if t == t.Round(0) { // of the wall clock only, which may have been set since
		from = time.Now()
		mono += int64(from.Sub(origin))
	}
	d := int64(t.Sub(from))
	if d > math.MaxInt64-mono {
		return math.MaxInt64
	}
	return mono + d
}

// TimeOf undoes At.
func TimeOf(mono int64) time.Time { return origin.Add(time.Duration(mono - originMono)) }
