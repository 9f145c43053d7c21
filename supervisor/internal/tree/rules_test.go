package tree

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestWindow: OTP's add_restart. OTP: multiple_restarts, one_for_one_escalation.
func TestWindow(t *testing.T) {
	s := time.Second
	for _, tt := range []struct {
		name      string
		intensity int
		period    time.Duration
		at        []time.Duration
		want      []bool
	}{
		{"zero allows none", 0, 5 * s, []time.Duration{0}, []bool{false}},
		{"the third within the window", 2, 5 * s, []time.Duration{0, s, 2 * s}, []bool{true, true, false}},
		{"intensity 1, period 1, 2.1 s apart", 1, s, []time.Duration{0, 2100 * time.Millisecond, 4200 * time.Millisecond}, []bool{true, true, true}},
		{"exactly a period old still counts", 1, 5 * s, []time.Duration{0, 5 * s}, []bool{true, false}},
		{"slides", 2, 5 * s, []time.Duration{0, 4 * s, 6 * s, 8 * s}, []bool{true, true, true, false}},
	} {
		w := NewWindow(tt.intensity, tt.period)
		for i, at := range tt.at {
			if got := w.Add(at); got != tt.want[i] {
				t.Errorf("%s: restart %d at %v: %v", tt.name, i, at, got)
			}
		}
	}
}

// TestShouldRestart: OTP: permanent_*, transient_*, temporary_*.
func TestShouldRestart(t *testing.T) {
	yes := map[Restart][]Reason{Permanent: {Normal, ByRequest, ShutdownWith, Abnormal, Killed}, Transient: {Abnormal, Killed}, Temporary: nil}
	for r, w := range yes {
		for reason := Normal; reason <= Killed; reason++ {
			if got := ShouldRestart(r, reason); got != slices.Contains(w, reason) {
				t.Errorf("%v, %v: %v", r, reason, got)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	type step struct {
		cause Cause
		want  Decision
	}
	for _, tt := range []struct {
		redeliver int
		steps     []step
	}{
		{0, []step{{Asked, Redeliver}, {Own, Quarantine}}},
		{0, []step{{Unexplained, Quarantine}}},
		{1, []step{{Unexplained, Redeliver}, {Own, Quarantine}}},
		{2, []step{{Own, Redeliver}, {Asked, Redeliver}, {Own, Quarantine}}},
		{2, []step{{Unexplained, Redeliver}, {Unexplained, Redeliver}, {Unexplained, Redeliver}, {Unexplained, Redeliver}, {Unexplained, Redeliver},
			{Unexplained, Redeliver}, {Unexplained, Redeliver}, {Unexplained, Redeliver}, {Unexplained, Redeliver}, {Unexplained, Quarantine}}},
	} {
		var c Charge
		for i, s := range tt.steps {
			var got Decision
			if c, got = Verdict(c, s.cause, Policy{tt.redeliver}); got != s.want {
				t.Errorf("redeliver %d, death %d: %v", tt.redeliver, i, got)
			}
		}
	}
}

// TestUnknownNames: a value that is none of the constants is shown as its number.
func TestUnknownNames(t *testing.T) {
	for _, got := range []string{Restart(3).String(), Strategy(4).String(), AutoShutdown(3).String(), Reason(6).String()} {
		if len(got) != 1 {
			t.Errorf("%q", got)
		}
	}
}

// TestErrorsAreDistinct: a caller can tell them apart.
func TestErrorsAreDistinct(t *testing.T) {
	all := []error{ErrNotFound, ErrShuttingDown, ErrRunning, ErrRestarting, ErrSimple, ErrStart, ErrTerminated, ErrIgnored}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v is %v", a, b)
			}
		}
	}
}
