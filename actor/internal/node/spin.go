package node

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/transport/notify"
)

// spinner decides whether polling before sleeping pays. Both sides of a lane
// have one, and polling pays only while both poll: so a try is a streak, long
// enough for the other side to wake up and try as well.
//
// Where other work wants the cores, a poll costs more than itself: the time
// until that work gives the core back. What tries have cost is measured, and
// the next one waits for twenty times as long: so they cost 5 % at most.
type spinner struct {
	score  atomic.Int32  // above zero: polling has lately found something; the holder of the role writes it
	skips  int           // sleeps without polling since the last try
	wasted time.Duration // by polling, since it last paid
	barred time.Time     // no try before that
}

// The bounds of polling.
const (
	burst    = 64                     // polls between two looks at the other bells
	bursts   = 16                     // between two looks at the clock, and two yields
	spinTime = 100 * time.Microsecond // longer than a wake-up of the other side takes
	lostCore = time.Millisecond       // a yield that takes longer went to other work, and more than a moment of it
	glances  = 512                    // polls before the role is taken
	maxScore = 16
	missCost = 4  // a miss costs as much as so many hits bring
	retry    = 32 // after so many sleeps polling is tried again, if that is due
	wait     = 20 // times what the last tries have cost, before the next
)

var (
	// Polling is for a peer on another core. UNDERSTUDY_SPIN=off is for measuring
	// what it costs, and for programs that would rather sleep.
	polls = runtime.NumCPU() > 1 && os.Getenv("UNDERSTUDY_SPIN") != "off"
	// With one thread for Go code, another goroutine can run only if the
	// waiter yields. With more it has a thread of its own, and yielding would
	// wake that thread each time.
	oneProc = func() bool { return runtime.GOMAXPROCS(0) == 1 }
)

// spinFor polls for w for a short while, if that has lately been worth it.
func (n *Node) spinFor(w waiting) bool {
	s := &n.watch.spin
	if w.poll() {
		return true
	}
	if !polls || !s.worth() {
		return false
	}
	var begun time.Time
	for {
		for range bursts {
			for range burst {
				if w.poll() {
					switch {
					case begun.IsZero():
						s.hit()
					case time.Since(begun) > spinTime/2:
						s.late()
					}
					return true
				}
			}
			n.look(w)
		}
		if n.changes.Load() != n.watch.changes {
			n.refresh()
		}
		// The clock is looked at only after a thousand polls: between two
		// sides that are awake it never is.
		now := time.Now()
		if begun.IsZero() {
			begun = now
		} else if now.Sub(begun) > spinTime {
			s.miss(now, now.Sub(begun), missCost)
			return false
		}
		if oneProc() {
			runtime.Gosched()
		}
		notify.Yield() // the peer may be waiting for this core
		if after := time.Now(); after.Sub(now) > lostCore {
			s.miss(after, after.Sub(begun), 2*maxScore)
			return false
		}
	}
}

// glance polls for the actor's loop before it takes the waiter's role: between
// two sides that are awake the next message is there before it could.
func (n *Node) glance(w *loopWait) bool {
	if !polls || n.watch.spin.score.Load() <= 0 {
		return false
	}
	for range glances {
		if w.poll() {
			n.watch.spin.hit()
			return true
		}
	}
	return false
}

// hit says that polling has found something soon. Glances say so without the
// role: a count that gets lost is no harm.
func (s *spinner) hit() {
	if v := s.score.Load(); v < maxScore {
		s.score.Store(v + 1)
	}
}

// late says that polling has found something after a time in which this side
// could have slept. So it is when the other side wakes up, and joins in; but
// not again and again.
func (s *spinner) late() { s.score.Add(-1) }

// miss says that polling has cost so much and found nothing.
func (s *spinner) miss(now time.Time, cost time.Duration, points int32) {
	v := s.score.Load()
	if v > 0 {
		s.wasted = 0
	}
	s.score.Store(max(v-points, -missCost))
	s.wasted += cost
	s.barred = now.Add(wait * s.wasted)
}

// worth says whether to poll this time.
func (s *spinner) worth() bool {
	if s.score.Load() > -missCost {
		return true
	}
	if s.skips++; s.skips < retry {
		return false
	}
	s.skips = 0
	if time.Now().Before(s.barred) {
		return false
	}
	s.score.Store(missCost)
	return true
}
