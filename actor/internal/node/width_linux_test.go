package node

import (
	"testing"
	"time"
)

// wide is a wait for nothing whose polls take as long as so many looks.
type wide struct {
	looks, polls int
}

func (w *wide) ready() bool { return false }
func (w *wide) poll() bool  { w.polls++; return false }
func (w *wide) loop() bool  { return false }
func (w *wide) width() int  { return w.looks }

// TestPollsByWidth: a round of polls takes about as long, however many lanes each poll
// looks at. When it did not, an actor with a hundred senders that each told it something
// now and then took most of a core.
func TestPollsByWidth(t *testing.T) {
	defer polls.Store(polls.Swap(true))
	for looks, want := range map[int]int{1: bursts * burst, 16: bursts * burst / 16, 1000: 1, 1 << 20: 1} {
		s := newScript(t)
		now := time.Now()
		s.node.watch.spin.clock = &clock{
			now:   func() time.Time { now = now.Add(time.Second); return now }, // so that there is one round
			offer: func() {},
			move:  func() {},
		}
		w := &wide{looks: looks}
		if s.node.spinFor(w) {
			t.Fatal("it has found something")
		}
		if got := w.polls - 1; got != want { // one comes first
			t.Errorf("width %d: %d polls in a round, want %d", looks, got, want)
		}
	}
	s := newScript(t)
	w := &loopWait{n: s.node}
	for lanes, want := range map[int]int{0: 1, 8: 1, 100: 12} {
		heads := make([]*inbox, lanes)
		s.node.heads.Store(&heads)
		if got := w.width(); got != want {
			t.Errorf("%d lanes have width %d, want %d", lanes, got, want)
		}
	}
	s.node.heads.Store(&noHeads)
}
