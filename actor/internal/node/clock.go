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
	d := int64(t.Sub(origin))
	if d > math.MaxInt64-originMono {
		return math.MaxInt64
	}
	return originMono + d
}

// TimeOf undoes At.
func TimeOf(mono int64) time.Time { return origin.Add(time.Duration(mono - originMono)) }
