package node

import (
	"math"
	"time"
)

// Deadlines cross processes as nanoseconds of the system's monotonic clock, which all
// processes of a machine share. Go's monotonic readings come from that clock, but only
// give differences, so its value is read once.
var origin, originMono = readOrigin(readMonotonic)

// originGap is how far apart the readings of the two clocks may be.
const originGap = 50 * time.Microsecond

// readOrigin reads both clocks at the same moment. If the process lost its processor
// between the two readings, every deadline from other processes would be wrong by that
// time: so it reads several times and takes the best pair.
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

// At converts t to the system's monotonic clock. A time beyond the clock's range becomes
// its end.
func At(t time.Time) int64 {
	from, mono := origin, originMono
	if t == t.Round(0) { // only a wall clock time; that clock may have been set since
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
