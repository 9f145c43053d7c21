package tree

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var slow = ChildSpec{Backoff: Backoff{Min: 100 * time.Millisecond, Max: 300 * time.Millisecond, ResetAfter: time.Second}}

var patient = Config{Intensity: 10, Period: time.Hour}

// TestBackoff: the delay grows up to Max, and begins anew when the child has
// been ready for long enough.
func TestBackoff(t *testing.T) {
	s := newScript(t, patient)
	s.upSpec(1, slow)
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 100ms")
	s.state(1, "backoff")
	s.now = 99 * time.Millisecond
	s.in(Retry{1})
	s.want() // too early
	s.now = 100 * time.Millisecond
	s.in(Retry{1})
	s.want("restarting 1", "spawn 1.2")
	s.dies(1, Abnormal) // its start fails
	s.want("start_error 1", "backoff 1 300ms")
	s.now = 300 * time.Millisecond
	s.in(Retry{1})
	s.ready(1)
	s.log = nil
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 600ms")
	s.now = 600 * time.Millisecond
	s.in(Retry{1})
	s.ready(1)
	s.log = nil
	s.now += time.Second
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 1.7s")
}

// TestBackoffByHand: a restart by hand begins anew.
func TestBackoffByHand(t *testing.T) {
	s := newScript(t, patient)
	s.upSpec(1, slow)
	s.dies(1, Abnormal)
	s.terminate(1)
	s.again(1)
	s.ready(1)
	s.log = nil
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 100ms")
}

// TestBackoffCountsAttempts: against the intensity when they are made.
func TestBackoffCountsAttempts(t *testing.T) {
	s := newScript(t, Config{Intensity: 1, Period: 200 * time.Millisecond})
	s.upSpec(1, slow)
	s.dies(1, Abnormal)
	s.now = 100 * time.Millisecond
	s.in(Retry{1})
	s.ready(1)
	s.dies(1, Abnormal)
	s.log = nil
	s.now = 301 * time.Millisecond // 201 ms after the first attempt; the deaths were 100 ms apart
	s.in(Retry{1})
	s.want("restarting 1", "spawn 1.3")
}

// TestBackoffNeighboursFirst: a group is stopped before the delay, not after.
func TestBackoffNeighboursFirst(t *testing.T) {
	c := patient
	c.Strategy = OneForAll
	s := newScript(t, c)
	s.upSpec(1, slow)
	s.upSpec(2, ChildSpec{})
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 100ms", "stop 2.1")
	s.stops(2)
	s.want()
	s.state(2, "waiting")
	s.now = 100 * time.Millisecond
	s.in(Retry{1})
	s.want("restarting 1", "spawn 1.2")
	s.ready(1)
	s.want("spawn 2.2")
}

// TestBackoffOfTwo: a child whose delay is over waits for a neighbour that it is
// started after.
func TestBackoffOfTwo(t *testing.T) {
	for _, strategy := range []Strategy{RestForOne, OneForAll} {
		c := patient
		c.Strategy = strategy
		s := newScript(t, c)
		s.upSpec(1, slow)
		s.upSpec(2, slow)
		s.dies(2, Abnormal)
		if strategy == OneForAll {
			s.stops(1)
			s.now = 100 * time.Millisecond
			s.in(Retry{2})
			s.ready(1)
			s.dies(2, Abnormal) // its start fails; the neighbour does not wait for the delay
			s.stops(1)
			s.want("child_terminated 2", "backoff 2 100ms", "stop 1.1", "restarting 2", "spawn 1.2", "spawn 2.2", "start_error 2", "backoff 2 300ms", "stop 1.2")
			s.state(1, "waiting")
			continue
		}
		s.now = 50 * time.Millisecond
		s.dies(1, Abnormal)
		s.log = nil
		s.now = 100 * time.Millisecond
		s.in(Retry{2})
		s.want()
		s.state(2, "waiting")
		s.now = 150 * time.Millisecond
		s.in(Retry{1})
		s.want("restarting 1", "spawn 1.2")
		s.ready(1)
		s.want("spawn 2.2")
	}
}

// TestBackoffCancelled: terminate and shutdown end the delay.
func TestBackoffCancelled(t *testing.T) {
	c := patient
	c.Strategy = RestForOne
	for _, how := range []string{"terminate", "terminate early", "shutdown"} {
		s := newScript(t, c)
		s.upSpec(1, slow)
		s.upSpec(2, ChildSpec{})
		s.dies(1, Abnormal)
		if how == "terminate early" { // while the neighbour is being stopped
			s.terminate(1)
			s.stops(2)
			s.want("child_terminated 1", "backoff 1 100ms", "stop 2.1", "gone 1", "answer 1", "gone 2")
			continue
		}
		s.stops(2)
		s.log = nil
		if how == "terminate" {
			s.terminate(1)
			s.want("gone 2", "gone 1", "answer 1")
			s.state(2, "stopped")
			s.now = time.Second
			s.in(Retry{1})
			s.want()
		} else {
			s.in(Shutdown{})
			s.want("gone 2", "removed 2", "gone 1", "removed 1", "ended")
		}
	}
}

func TestBackoffDelay(t *testing.T) {
	b := Backoff{Min: 100, Max: 1000, Factor: 3, Jitter: 0.5}
	for _, tt := range []struct {
		n      int
		random float64
		want   time.Duration
	}{{1, 0.5, 100}, {2, 0.5, 300}, {3, 0.5, 900}, {4, 0.5, 1000}, {900, 0.5, 1000}, {1, 0, 50}, {4, 1, 1500}} {
		if got := b.Delay(tt.n, tt.random); got != tt.want {
			t.Errorf("Delay(%d, %v) = %d, want %d", tt.n, tt.random, got, tt.want)
		}
	}
	if (Backoff{}).Delay(3000, 1) != 0 {
		t.Error("the zero Backoff delays")
	}
	for _, least := range []time.Duration{time.Second, time.Minute} { // Max is 30 s, or as much as Min
		if got, want := (Backoff{Min: least}).Delay(100, 0.5), max(least, 30*time.Second); got != want {
			t.Errorf("from %v on it grows to %v, want %v", least, got, want)
		}
	}
}

// TestBackoffValidate: what is accepted trips the limit for certain; what is
// refused may never.
func TestBackoffValidate(t *testing.T) {
	ms := time.Millisecond
	for _, tt := range []struct {
		name string
		b    Backoff
		c    Config
		bad  int
		text string
	}{
		{"none", Backoff{}, Config{}, 0, ""},
		{"default window", Backoff{Min: 100 * ms}, Config{Intensity: 1, Period: 5 * time.Second}, 0, ""},
		{"systemd's trap", Backoff{Min: 10 * time.Second}, Config{Intensity: 5, Period: 10 * time.Second}, 1, "Backoff: 6 restarts of a child that dies at once may take 2m20s"},
		{"just", Backoff{Min: 100 * ms, Factor: 1}, Config{Intensity: 10, Period: time.Second}, 0, ""},
		{"just not, by jitter", Backoff{Min: 100 * ms, Factor: 1, Jitter: 0.1}, Config{Intensity: 10, Period: time.Second}, 1, "raise Period"},
		{"all wrong", Backoff{Min: -1, Max: -1, Factor: 0.5, Jitter: 2, ResetAfter: -1}, Config{}, 5, "Factor"},
		{"one thing wrong", Backoff{Min: 10 * time.Second, Jitter: 1.1}, Config{Intensity: 5, Period: 10 * time.Second}, 1, "Jitter"},
		{"no part of a delay", Backoff{Min: ms, Jitter: -0.1}, Config{Intensity: 1, Period: time.Second}, 1, "Jitter"},
		{"all of a delay", Backoff{Min: ms, Jitter: 1}, Config{Intensity: 1, Period: time.Second}, 0, ""},
		{"steep", Backoff{Min: ms, Factor: 1000}, Config{Intensity: 1, Period: 2 * time.Second}, 0, ""},
		{"too steep", Backoff{Min: ms, Factor: 1001}, Config{Intensity: 1, Period: 2 * time.Second}, 1, "Factor"},
		{"huge, and few", Backoff{Min: time.Hour, Max: 1000000 * time.Hour, Factor: 1000}, Config{Intensity: 5, Period: time.Hour}, 1, ""},
		{"huge", Backoff{Min: time.Hour, Max: 1000000 * time.Hour, Factor: 1000}, Config{Intensity: 1 << 20, Period: time.Hour}, 1, ""},
	} {
		err := errors.Join(tt.b.Validate(), tt.b.suits(tt.c))
		if n := problems(err); n != tt.bad || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.bad > 1 || tt.b.Min == 0 || tt.b.Validate() != nil || tt.b.Max > 1000*time.Hour {
			continue
		}
		tt.c.Random = func() float64 { return 1 } // the worst luck
		m := New(tt.c)
		m.Handle(0, Add{ID: 1, Spec: ChildSpec{Name: "1"}})
		m.Handle(0, Ready{1, 1})
		m.byID[1].spec.Backoff = tt.b
		if got := crashLoop(m); got != (tt.bad == 0) {
			t.Errorf("%s: Validate says %v, but the limit is reached: %v", tt.name, err, got)
		}
	}
}

// crashLoop says whether a child that dies at once reaches the limit in a
// hundred attempts.
func crashLoop(m *Machine) (exceeded bool) {
	now := time.Duration(0)
	out := m.Handle(now, Exited{1, 1, Abnormal})
	for range 300 {
		if len(out) == 0 {
			return false
		}
		a := out[0]
		out = out[1:]
		switch a := a.(type) {
		case BackingOff:
			now = a.Until
			out = append(out, m.Handle(now, Retry{a.ID})...)
		case Spawn:
			out = append(out, m.Handle(now, Exited{a.ID, a.Incarnation, Abnormal})...)
		case Exceeded:
			return true
		}
	}
	return false
}
