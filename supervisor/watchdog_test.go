package supervisor

import (
	"testing"
	"time"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestWatchdogCountsWork: the time before a message came does not count, however short
// the watchdog's time is.
func TestWatchdogCountsWork(t *testing.T) {
	const tick = time.Hour // this test takes less
	c := &child{spec: &Child{Watchdog: tick}, life: life{pid: -1}}
	w := &watchdog{}
	looks := func(work bool) bool {
		w.at = time.Now().Add(-tick) // it looked last a tick ago
		return w.hangs(keeper.Progress{Mark: 5, Work: work}, c, tick)
	}
	for i, work := range []bool{false, false, true, false, true} {
		if looks(work) {
			t.Fatalf("look %d: the message may have come just now", i)
		}
	}
	if !looks(true) {
		t.Error("a message has waited for the whole time, and the watchdog is silent")
	}
}

// TestMaxStoppedCountsOneStop: a child that was continued in time, and stopped again, has
// the whole time anew.
func TestMaxStoppedCountsOneStop(t *testing.T) {
	p := &mortal{}
	r := &running{addr: wire.Addr{ID: 1, Incarnation: 1}, proc: p}
	c := &child{id: 1, branch: &branch{}, life: life{incarnation: 1, run: r}}
	s := rootOf(c)
	s.mail = make(chan func(), 64)
	stop := func(limit time.Duration) {
		c.spec = &Child{MaxStopped: limit}
		s.suspended(r, true)
	}
	stop(time.Millisecond)
	s.suspended(r, false)
	stop(time.Hour)
	(<-s.mail)() // the time of the first stop is over
	if p.kills > 0 {
		t.Fatal("it was killed because of a stop that was over")
	}
	s.suspended(r, false)
	stop(time.Millisecond)
	for p.kills == 0 {
		(<-s.mail)() // may come late, and then once more
	}
}
