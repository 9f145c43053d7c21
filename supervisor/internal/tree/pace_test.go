package tree

import (
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

var paced = Pace{Burst: 2, Every: 100 * ms}

func newPaced(t *testing.T, c Config) *script {
	c.Pacer = NewPacer(paced)
	return newScript(t, c)
}

// TestPace: so many restarts are made at once, and further ones in their turn.
// A failed start takes a turn, too.
func TestPace(t *testing.T) {
	s := newPaced(t, Config{Intensity: 100, Period: time.Hour})
	s.up(Permanent)
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "restarting 1", "spawn 1.2")
	s.ready(1)
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "restarting 1", "spawn 1.3")
	s.dies(1, Abnormal) // its start fails
	s.want("start_error 1", "backoff 1 100ms")
	s.state(1, "backoff")
	s.now = 100 * ms
	s.in(Retry{1})
	s.want("restarting 1", "spawn 1.4")
	s.ready(1)
	s.now = 110 * ms
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 200ms")
	s.terminate(1) // nobody has to wait for the turn
	s.want("gone 1", "answer 1")
	s.now = time.Second // all turns are there again
	s.again(1)
	s.ready(1)
	s.log = nil
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "restarting 1", "spawn 1.6")
}

// TestPaceIsShared: turns are given out to the children of all machines of a
// pacer, one after another.
func TestPaceIsShared(t *testing.T) {
	c := Config{Intensity: 100, Period: time.Hour, Pacer: NewPacer(paced)}
	a, b := newScript(t, c), newScript(t, c)
	a.up(Permanent, Permanent)
	b.up(Permanent, Permanent)
	a.dies(1, Abnormal)
	b.dies(1, Abnormal)
	a.ready(1)
	b.ready(1)
	a.dies(2, Abnormal)
	b.dies(2, Abnormal)
	a.want("child_terminated 1", "restarting 1", "spawn 1.2", "child_terminated 2", "backoff 2 100ms")
	b.want("child_terminated 1", "restarting 1", "spawn 1.2", "child_terminated 2", "backoff 2 200ms")
}

// TestPaceOfHasty: who waits for less than its turn has not given those away that were
// given out before.
func TestPaceOfHasty(t *testing.T) {
	p := NewPacer(paced)
	for i, most := range []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, 50 * ms, time.Hour} {
		if got, want := p.wait(0, most), []time.Duration{0, 0, 100 * ms, 200 * ms, 50 * ms, 300 * ms}[i]; got != want {
			t.Errorf("turn %d: %v, want %v", i, got, want)
		}
	}
}

// TestPaceOfSettled: who was ready for long is not in a loop, and takes no turn.
func TestPaceOfSettled(t *testing.T) {
	s := newPaced(t, Config{Intensity: 100, Period: time.Hour})
	s.up(Permanent, Permanent, Permanent, Permanent)
	s.now = Settled
	for id := range uint32(4) {
		s.dies(id+1, Abnormal)
		s.ready(id + 1)
		s.log = nil
	}
	s.dies(1, Abnormal)
	s.dies(2, Abnormal)
	s.ready(1)
	s.want("child_terminated 1", "restarting 1", "spawn 1.3", "child_terminated 2", "restarting 2", "spawn 2.3")
	s.ready(2)
	s.now += Settled - 1 // since they were ready
	s.m.config.Pacer.last = s.now
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 20.099999999s")
	s.now++
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "restarting 2", "spawn 2.4")
}

// TestPaceOfGroup: the neighbours are stopped at once and started in one turn.
func TestPaceOfGroup(t *testing.T) {
	s := newPaced(t, Config{Strategy: OneForAll, Intensity: 100, Period: time.Hour})
	s.m.config.Pacer.last = 0 // nothing is left of the burst
	s.up(Permanent, Permanent)
	s.dies(1, Abnormal)
	s.dies(2, ByRequest)
	s.want("child_terminated 1", "backoff 1 100ms", "stop 2.1")
	s.now = 100 * ms
	s.in(Retry{1})
	s.ready(1)
	s.ready(2)
	s.want("restarting 1", "spawn 1.2", "spawn 2.2")
}

// TestPaceBeforeTheEnd: a supervisor that is to give up does not wait for that,
// with any intensity.
func TestPaceBeforeTheEnd(t *testing.T) {
	for _, intensity := range []int{0, 1} {
		s := newPaced(t, Config{Intensity: intensity, Period: time.Hour})
		s.m.config.Pacer.last = 0
		s.up(Permanent)
		if intensity == 1 {
			s.dies(1, Abnormal)
			s.now = 100 * ms
			s.in(Retry{1})
			s.ready(1)
			s.log = nil
		}
		s.dies(1, Abnormal)
		s.want("child_terminated 1", "exceeded 1", "gone 1", "removed 1", "ended")
	}
}

// TestPaceAfterOldRestarts: restarts that are no longer in the window do not bring
// the end nearer: who dies after them waits for its turn.
func TestPaceAfterOldRestarts(t *testing.T) {
	s := newPaced(t, Config{Intensity: 2, Period: time.Second})
	s.up(Permanent)
	s.dies(1, Abnormal)
	s.ready(1)
	s.log = nil
	s.now = 2 * time.Second
	s.m.config.Pacer.last = s.now
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 2.1s")
}

// TestPaceKeepsTheLimit: a child that dies at once reaches the limit of restarts
// also where a whole pace would take longer than the period.
func TestPaceKeepsTheLimit(t *testing.T) {
	for _, intensity := range []int{1, 10, 1000} {
		m := New(Config{Intensity: intensity, Period: 100 * ms, Pacer: NewPacer(paced)})
		out := m.Handle(0, Add{ID: 1, Spec: ChildSpec{Name: "a"}})
		var now time.Duration
		n := 0
		for ; len(out) > 0 && n < 10*intensity+100; n++ {
			a := out[0]
			out = out[1:]
			switch a := a.(type) {
			case BackingOff:
				now = a.Until
				out = append(out, m.Handle(now, Retry{a.ID})...)
			case PostRetry:
				out = append(out, m.Handle(now, Retry{a.ID})...)
			case Spawn:
				if a.Incarnation == 1 {
					out = append(out, m.Handle(now, Ready{a.ID, 1})...)
				}
				out = append(out, m.Handle(now, Exited{a.ID, a.Incarnation, Abnormal})...)
			case Exceeded:
				out = nil
			}
		}
		if _, ok := m.Child(1); ok {
			t.Errorf("intensity %d: the child goes on dying", intensity)
		}
	}
}

// TestPaceValidate lists what is wrong, and takes what is right.
func TestPaceValidate(t *testing.T) {
	err := Pace{Burst: -1, Every: -2}.Validate()
	if err == nil || !strings.Contains(err.Error(), "Pace.Burst -1") || !strings.Contains(err.Error(), "Pace.Every -2ns") {
		t.Error(err)
	}
	for _, p := range []Pace{{}, paced, {Every: Unpaced}} {
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
	if d := NewPacer(Pace{Every: Unpaced}); d.wait(0, time.Hour)+d.wait(0, time.Hour)+d.wait(0, time.Hour) != 0 {
		t.Error("a turn of an unpaced one")
	}
}
