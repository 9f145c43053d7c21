package tree

import (
	"slices"
	"testing"
	"time"
)

// TestSignificantBelowRestart: with all_significant one that is being restarted, or
// waits for that, has not ended.
func TestSignificantBelowRestart(t *testing.T) {
	significant := ChildSpec{Restart: Transient, Significant: true}
	s := newScript(t, auto(AllSignificant))
	s.upSpec(1, significant)
	s.upSpec(2, significant)
	s.dies(1, Abnormal)
	s.dies(2, Normal)
	s.ready(1)
	s.want("child_terminated 1", "restarting 1", "spawn 1.2", "gone 2")
	s.dies(1, Normal)
	s.want("gone 1", "significantended 1", "removed 2", "removed 1", "ended")

	c := patient
	c.AutoShutdown = AllSignificant
	s = newScript(t, c)
	s.upSpec(1, ChildSpec{Restart: Transient, Significant: true, Backoff: slow.Backoff})
	s.upSpec(2, significant)
	s.dies(1, Abnormal)
	s.dies(2, Normal)
	s.want("child_terminated 1", "backoff 1 100ms", "gone 2")
	s.now = 100 * time.Millisecond
	s.in(Retry{1})
	s.dies(1, Abnormal) // the start fails
	s.want("restarting 1", "spawn 1.2", "start_error 1", "backoff 1 300ms")
}

// TestFinalOfSignificant: an end that is declared to be the last one is an end for good,
// also when it is that of an attempt to restart.
func TestFinalOfSignificant(t *testing.T) {
	s := newScript(t, auto(AnySignificant))
	s.upSpec(1, ChildSpec{Restart: Transient, Significant: true})
	s.dies(1, Abnormal)
	s.log = nil
	s.dies(1, Final)
	s.want("start_error 1", "gone 1", "significantended 1", "removed 1", "ended")
}

// TestSignificantBystanders: the ends of significant children because of a sibling are
// not their own, with any strategy. OTP: significant_bystander.
func TestSignificantBystanders(t *testing.T) {
	for _, strategy := range []Strategy{OneForOne, OneForAll, RestForOne} {
		for _, a := range []AutoShutdown{AnySignificant, AllSignificant} {
			c := auto(a)
			c.Strategy = strategy
			s := newScript(t, c)
			s.upSpec(1, ChildSpec{Restart: Transient, Significant: true})
			s.upSpec(2, ChildSpec{Restart: Transient})
			s.upSpec(3, ChildSpec{Restart: Transient, Significant: true})
			s.dies(2, Abnormal)
			for range 3 { // each ends when it is asked to
				for _, id := range []uint32{3, 1} {
					if i, _ := s.m.Child(id); i.State == Stopping {
						s.dies(id, ByRequest)
					}
				}
			}
			for id := range uint32(3) {
				if i, _ := s.m.Child(id + 1); i.State == Starting {
					s.ready(id + 1)
				}
			}
			if slices.Contains(s.log, "significantended 3") || s.m.ending {
				t.Errorf("%v, %v: %q", strategy, a, s.log)
			}
			for id := range uint32(3) {
				s.state(id+1, "running")
			}
		}
	}
}
