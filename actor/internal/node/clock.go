package node

import (
	"math"
	"time"
)

// Deadlines cross processes as nanoseconds of the system's monotonic clock,
// which all processes of a machine share. Go's own monotonic readings are of
// that clock, but only as differences, so its value is taken once.
var origin, originMono = readOrigin(readMonotonic)

// originGap is how far apart the readings of the two clocks may be.
const originGap = 50 * time.Microsecond

// readOrigin reads both clocks at one moment. A process may lose its processor between
// two readings, and every deadline of other processes would be wrong by that here: so it
// reads again, a few times, and takes the best.
func readOrigin(mono func() int64) (at time.Time, atMono int64) {
	best := int64(math.MaxInt64)
	for try := 0; try < 10 && best > int64(originGap); try++ {
		before := mono()
		now := time.Now()
		if gap := mono() - before; gap < best {
			at, atMono, best = now, before, gap
		}
	}
	return at, atMono
}

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
