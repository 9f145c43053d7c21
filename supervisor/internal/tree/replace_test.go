package tree

import (
	"testing"
	"time"
)

// runningScript is a script with one permanent child that runs and may be restarted
// once in five seconds.
func runningScript(t *testing.T, c Config) *script {
	s := newScript(t, c)
	s.add(1, ChildSpec{})
	s.in(Ready{1, 1})
	s.log = nil
	return s
}

// TestReplace: the successor is ready before its predecessor stops, and takes
// over after its end. The window does not know of it.
func TestReplace(t *testing.T) {
	s := runningScript(t, Config{Intensity: 0, Period: time.Second})
	for n := uint32(1); n < 5; n++ {
		s.in(Replace{7, 1})
		s.in(Ready{1, n + 1})
		s.in(HandedOver{1, n + 1})
		s.in(Exited{1, n, ByRequest})
		s.state(1, "running")
	}
	s.log = s.log[:6]
	s.want("spawnsuccessor 1 2", "handover 1 1 2", "commit 1 1", "takeover 1 2", "answer 1", "spawnsuccessor 1 3")
}

// TestReplaceFails: the old one goes on, whatever happens to the new one before
// the point of no return.
func TestReplaceFails(t *testing.T) {
	for name, in := range map[string]Input{"dies": Exited{1, 2, Abnormal}, "is ignored": Ignored{1, 2}, "gives up": GiveUp{1, 2, ErrStart}} {
		for _, ready := range []bool{false, true} {
			s := runningScript(t, Config{})
			s.in(Replace{7, 1})
			if ready {
				s.in(Ready{1, 2})
			}
			s.in(Replace{8, 1})
			if got := s.log[len(s.log)-1]; got != "answer 1: the child is being replaced" {
				t.Fatal(got)
			}
			s.in(in)
			s.in(Ready{1, 2}) // too late
			s.in(HandedOver{1, 2})
			s.in(Exited{1, 2, Abnormal})
			s.state(1, "running")
			s.log = nil
			s.in(Replace{9, 1})
			s.want("spawnsuccessor 1 3")
			_ = name
		}
	}
}

// TestReplacedChildDies: its rules decide, when the successor is reaped.
func TestReplacedChildDies(t *testing.T) {
	s := runningScript(t, Config{Intensity: 1, Period: time.Second})
	s.in(Replace{7, 1})
	s.in(Ready{1, 2})
	s.log = nil
	s.in(Exited{1, 1, Abnormal})
	s.want("abandon 1 2")
	s.in(Exited{1, 2, Abnormal})
	s.want("answer 1: it is not running", "child_terminated 1", "restarting 1", "spawn 1.3")
}

// TestSuccessorDiesBeforeItTakesOver: after the point of no return its death is
// the child's.
func TestSuccessorDiesBeforeItTakesOver(t *testing.T) {
	s := runningScript(t, Config{Intensity: 1, Period: time.Second})
	s.in(Replace{7, 1})
	s.in(Ready{1, 2})
	s.in(HandedOver{1, 2})
	s.in(Exited{1, 2, Abnormal})
	s.log = nil
	s.in(Exited{1, 1, ByRequest})
	s.want("takeover 1 2", "answer 1: the successor has ended", "child_terminated 1", "restarting 1", "spawn 1.3")
}

// TestSuccessorEndsBeforeItTakesOver: its own end decides, not that of its predecessor,
// which was asked to end.
func TestSuccessorEndsBeforeItTakesOver(t *testing.T) {
	for reason, want := range map[Reason][]string{
		Normal:   {"takeover 1 2", "answer 1: the successor has ended", "gone 1"},
		Abnormal: {"takeover 1 2", "answer 1: the successor has ended", "child_terminated 1", "restarting 1", "spawn 1.3"},
	} {
		s := newScript(t, Config{Intensity: 1, Period: time.Second})
		s.up(Transient)
		for _, in := range []Input{Replace{7, 1}, Ready{1, 2}, HandedOver{1, 2}, Exited{1, 2, reason}} {
			s.in(in)
		}
		s.log = nil
		s.in(Exited{1, 1, ByRequest})
		s.want(want...)
	}
}

// TestTerminateDuringReplace: both processes end, and only then is the caller
// told.
func TestTerminateDuringReplace(t *testing.T) {
	for steps := range 3 {
		s := runningScript(t, Config{})
		for _, in := range []Input{Replace{7, 1}, Ready{1, 2}, HandedOver{1, 2}}[:steps+1] {
			s.in(in)
		}
		s.log = nil
		s.in(Terminate{Call: 8, ID: 1})
		s.want("abandon 1 2", "stop 1.1")
		s.in(Exited{1, 1, ByRequest})
		s.want()
		s.in(Exited{1, 2, Abnormal})
		s.want("answer 1: it is not running", "gone 1", "answer 1")
	}
}

// TestGiveUpTooLate: after the point of no return nobody can give up: the old
// process ends, and if the new one was killed there would be neither.
func TestGiveUpTooLate(t *testing.T) {
	s := runningScript(t, Config{})
	s.in(Replace{7, 1})
	s.in(Ready{1, 2})
	s.in(HandedOver{1, 2})
	s.log = nil
	s.in(GiveUp{1, 2, ErrStart})
	s.want()
	s.in(Exited{1, 1, ByRequest})
	s.want("takeover 1 2", "answer 1")
}

// TestReplaceOfOneToBeStopped: a child whose turn to be stopped comes is not
// replaced.
func TestReplaceOfOneToBeStopped(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.log = nil
	s.in(Replace{7, 2}) // 3 is being stopped
	s.want("answer 2: " + ErrNotRunning.Error())
}

// TestBackoffAfterReplace: for its delays a child is as old as its process.
func TestBackoffAfterReplace(t *testing.T) {
	s := newScript(t, patient)
	s.upSpec(1, slow)
	s.dies(1, Abnormal)
	s.now = 100 * time.Millisecond
	s.in(Retry{1})
	s.ready(1)
	s.now = 2 * time.Second
	s.in(Replace{7, 1})
	s.in(Ready{1, 3})
	s.in(HandedOver{1, 3})
	s.in(Exited{1, 2, ByRequest})
	s.log = nil
	s.in(Exited{1, 3, Abnormal})
	s.want("child_terminated 1", "backoff 1 2.2s")
}
