package node

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A goroutine that has run for 10 ms without having been scheduled anew is taken
// its processor by Go's monitor (sysmon) as soon as that finds it in a system call,
// however short each call is. After that the monitor looks every 20 µs for a
// while, with a switch of processes each time; and when the goroutine comes
// back, it is preempted, so that it begins again. A sender that sleeps for room
// a thousand times a second is in a call most of the time. So it has itself
// scheduled before the 10 ms are over: that wakes a thread of Go's, once.
const (
	freshFor = 8 * time.Millisecond
	rareFrom = 100 * time.Millisecond // between two sleeps: the monitor does not mind
)

// freshener counts the time since a goroutine that often sleeps was scheduled.
// It is one for a process, whose senders seldom wait at a time.
type freshener struct{ at atomic.Int64 } // ns of the monotonic clock

// due says whether it is time.
func (f *freshener) due(now int64) bool {
	at := f.at.Load()
	d := time.Duration(now - at)
	return d >= freshFor && f.at.CompareAndSwap(at, now) && d < rareFrom
}

// freshen has this goroutine scheduled anew, if that is due.
func (f *freshener) freshen(now int64) {
	if f.due(now) {
		runtime.Gosched()
	}
}
