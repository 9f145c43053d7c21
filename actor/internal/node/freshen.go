package node

import (
	"runtime"
	"sync/atomic"
	"time"
)

// If a goroutine has run for 10 ms without being rescheduled, Go's monitor (sysmon)
// takes its processor as soon as it finds it in a system call, however short the call.
// After that the monitor looks every 20 µs for a while, with a process switch each time;
// and when the goroutine comes back, it is preempted, and the same starts over. A sender
// that sleeps for room a thousand times a second is in a system call most of the time.
// So it has itself rescheduled before the 10 ms are over, which wakes one thread, once.
const (
	freshFor = 8 * time.Millisecond
	rareFrom = 100 * time.Millisecond // between two sleeps: the monitor does not mind
)

// freshener holds the time at which a goroutine that often sleeps was last scheduled.
// There is one per node, since its senders seldom wait at the same time.
type freshener struct{ at atomic.Int64 } // ns of the monotonic clock

// due says whether it is time to reschedule.
func (f *freshener) due(now int64) bool {
	at := f.at.Load()
	d := time.Duration(now - at)
	return d >= freshFor && f.at.CompareAndSwap(at, now) && d < rareFrom
}

// freshen has this goroutine rescheduled, if that is due.
func (f *freshener) freshen(now int64) {
	if f.due(now) {
		runtime.Gosched()
	}
}
