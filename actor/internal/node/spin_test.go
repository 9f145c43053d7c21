package node

import (
	"fmt"
	"testing"
	"time"
)

// world is what a spinner finds: how long things take in it is up to a test.
type world struct {
	spinner
	t       time.Time
	round   time.Duration // takes a round of polls
	finds   bool          // and finds something
	offered time.Duration // takes an offer of the core
	peer    bool          // that was taken by the peer, which has sent something then
	awake   bool          // others are
	waste   time.Duration // by polls that found nothing at once
	looks   int           // at the clock
	sleep   time.Duration // takes one
	tries   int
	moved   int           // times it has gone to another core
	moving  time.Duration // takes that
	alone   bool          // on that core: the peer stays on the other
}

func newWorld() *world {
	w := &world{t: time.Unix(0, 0), round: roundTime, offered: time.Microsecond, sleep: time.Millisecond}
	w.proof = minProof
	w.clock = &clock{func() time.Time { w.looks++; return w.t }, func() { w.t = w.t.Add(w.offered) }, func() {
		w.moved++
		w.t = w.t.Add(w.moving)
		w.finds = w.finds || w.alone
	}}
	return w
}

// wait is one wait, and says whether it was spent polling.
func (w *world) wait() (polled bool) {
	begun := w.t
	round := func() bool {
		w.tries++
		if !w.finds {
			w.t = w.t.Add(w.round)
		}
		return w.finds
	}
	switch {
	case w.worth():
		w.try(func() bool { return w.peer }, round)
	case w.awake:
		w.join(round)
	}
	polled = w.finds && w.score.Load() > -missCost
	if !w.finds {
		w.waste += w.t.Sub(begun)
	}
	if !polled {
		begun := w.t
		w.t = w.t.Add(w.sleep)
		w.slept(begun, func() bool { return w.peer && !w.finds })
	}
	return polled
}

// TestPollingCost: wherever polling finds nothing, it costs less than a twentieth
// of the time, and is tried again all the same.
func TestPollingCost(t *testing.T) {
	for name, w := range map[string]*world{
		"nothing comes":               newWorld(),
		"others are awake":            {awake: true, offered: time.Microsecond},
		"the core goes to other work": {offered: 3 * time.Millisecond},
		"and others are awake":        {offered: 3 * time.Millisecond, awake: true},
		"the peer is on the core":     {offered: 20 * time.Microsecond, peer: true},
		"other work, for a moment":    {offered: 50 * time.Microsecond},
	} {
		for _, sleep := range []time.Duration{10 * time.Microsecond, time.Millisecond} {
			t.Run(fmt.Sprintf("%s, sleeps of %v", name, sleep), func(t *testing.T) {
				v := newWorld()
				v.offered, v.peer, v.awake, v.sleep = w.offered, w.peer, w.awake, sleep
				v.moving = max(w.offered, 20*time.Microsecond)
				// Before, it has paid.
				v.finds = true
				for range 100 {
					v.wait()
				}
				v.finds = false
				const length = 3 * time.Second
				tries := 0
				for begun := v.t; v.t.Sub(begun) < length; {
					v.wait()
					if v.t.Sub(begun) < length/2 {
						tries = v.tries
					}
				}
				if v.waste > length/20 {
					t.Errorf("%v of %v spent on polling in vain", v.waste, length)
				}
				if v.tries == tries {
					t.Error("polling was given up for good")
				}
				t.Logf("%v of %v, %d rounds", v.waste, length, v.tries)
			})
		}
	}
}

// TestPollingPays: while each wait finds something at once there is no look at the
// clock; when polling begins to pay it comes back, soon if another process is seen
// to be awake.
func TestPollingPays(t *testing.T) {
	w := newWorld()
	w.finds = true
	w.wait()
	before := w.looks
	for range 1000 {
		if !w.wait() {
			t.Fatal("polling pays, and is not done")
		}
	}
	if w.looks != before {
		t.Errorf("%d looks at the clock", w.looks-before)
	}
	for _, awake := range []bool{false, true} {
		w.finds, w.awake = false, false
		for begun := w.t; w.t.Sub(begun) < time.Second; {
			w.wait()
		}
		w.finds, w.awake = true, awake
		begun, waits := w.t, 0
		for !w.wait() {
			waits++
		}
		limit := wait*maxDebt + retry*w.sleep
		if awake {
			limit = 0
		}
		if d := w.t.Sub(begun); d > limit {
			t.Errorf("others awake: %v; polling came back after %v and %d waits, want %v", awake, d, waits, limit)
		}
		w.wait()
		if w.score.Load() <= 0 {
			t.Errorf("others awake: %v; score %d after two finds", awake, w.score.Load())
		}
	}
}

// TestPollingLost: once other work has taken the core, polls are short, and after a
// time the core is offered again.
func TestPollingLost(t *testing.T) {
	w := newWorld()
	w.offered = 3 * time.Millisecond
	w.wait() // a miss, of 3 ms
	begun := w.t
	if w.offers.even.Sub(begun) < 2*wait*w.offered {
		t.Fatalf("offers are due %v after one that took %v", w.offers.even.Sub(begun), w.offered)
	}
	for w.t.Before(w.offers.even) {
		before, waste := w.t, w.waste
		w.wait()
		if d := w.waste - waste; d > roundTime {
			t.Fatalf("%v spent, %v after the core was lost", d, before.Sub(begun))
		}
	}
	w.offered = time.Microsecond
	for spent := time.Duration(0); spent < spinTime; {
		waste := w.waste
		w.wait()
		spent = w.waste - waste
		if w.t.Sub(begun) > time.Minute {
			t.Fatal("the core is never offered again")
		}
	}
}

// TestPollingSoon: short sleeps bring polling back before its time, and for as long
// as they do not, fewer and fewer tries.
func TestPollingSoon(t *testing.T) {
	w := newWorld()
	for range 100 {
		w.wait() // for nothing, and for long
	}
	w.finds, w.sleep = true, 10*time.Microsecond
	waits := 0
	for !w.wait() {
		waits++
	}
	if most := minProof + retry; waits > most {
		t.Errorf("polling came back after %d short sleeps, want %d at most", waits, most)
	}

	w = newWorld()
	w.sleep = 10 * time.Microsecond
	for n, last := 0, 0; n < 6; n++ {
		waits, proof := 0, w.proof
		for ; w.proof == proof; waits++ {
			w.wait()
		}
		if waits < last {
			t.Errorf("try %d came after %d short sleeps, the one before after %d", n, waits, last)
		}
		last = waits
	}
}

// TestPollingParts: who was woken on its peer's core leaves it, and polls; when that
// does not help, ever less often.
func TestPollingParts(t *testing.T) {
	if !polls.Load() {
		t.Skip("nobody polls here: there is one processor, or UNDERSTUDY_SPIN=off")
	}
	w := newWorld()
	w.offered, w.peer, w.alone, w.sleep, w.moving = 20*time.Microsecond, true, true, 10*time.Microsecond, 20*time.Microsecond
	for range 100 {
		w.slept(w.t.Add(-time.Second), nil) // not woken by anybody who is busy
	}
	waits := 0
	for !w.wait() && waits < 100 {
		waits++
	}
	if w.moved != 1 || waits > 2 {
		t.Errorf("moved %d times, want once; polling came back after %d sleeps, want 2 at most", w.moved, waits)
	}

	w = newWorld()
	w.offered, w.peer, w.sleep, w.moving = 20*time.Microsecond, true, 10*time.Microsecond, 20*time.Microsecond
	for begun := w.t; w.t.Sub(begun) < 10*time.Second; {
		w.wait()
	}
	if least, most := 5, 200; w.moved < least || w.moved > most {
		t.Errorf("moved %d times in 10 s in vain, want %d to %d", w.moved, least, most)
	}
}
