package tree

import (
	"strings"
	"testing"
	"time"
)

// TestUnknown: of a child that is not there, or of an incarnation that is not the one
// at hand, nothing is believed.
func TestUnknown(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent)
	for _, id := range []uint32{1, 9} {
		for _, in := range []Input{Ready{id, 7}, Exited{id, 7, Abnormal}, Ignored{id, 7}, Retry{id}, HandedOver{id, 7}, GiveUp{id, 7, ErrStart}} {
			s.in(in)
		}
	}
	s.want()
	s.in(Replace{1, 9})
	s.terminate(9)
	s.again(9)
	s.delete(9)
	s.want("answer 9: no such child", "answer 9: no such child", "answer 9: no such child", "answer 9: no such child")
	s.in(Ready{1, 1}) // a second time
	s.dies(1, Abnormal)
	s.in(Exited{1, 1, Abnormal}) // a dead one dies again
	s.in(Ready{1, 1})            // or says that it is ready
	s.want("child_terminated 1", "restarting 1", "spawn 1.2")
	s.in(Ignored{1, 1})
	s.state(1, "starting")
}

// TestNamesOfRefused: a child that is refused for its name does not take the name
// away from the one that has it, which may be from the supervisor's Spec.
func TestNamesOfRefused(t *testing.T) {
	s := newScript(t, lenient)
	s.in(initOf(Permanent))
	s.in(Ready{1, 1})
	s.log = nil
	name := s.m.byID[1].spec.Name
	for id := uint32(2); id < 4; id++ {
		s.add(id, ChildSpec{Name: name})
		s.state(id, "")
	}
	present := "answer 2: " + (&PresentError{ID: 1, Started: true}).Error()
	s.want(present, "gone 2", "removed 2", "answer 3"+strings.TrimPrefix(present, "answer 2"), "gone 3", "removed 3")
}

// TestTerminatedBeforeItsStart: a child that waits for its first turn, or is being
// started for the first time, is forgotten. One that was there before stays.
func TestTerminatedBeforeItsStart(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent)
	s.terminate(1)
	s.stops(1)
	s.again(1)
	s.add(2, ChildSpec{})
	s.log = nil
	s.terminate(2) // 1 is being started
	s.want("answer 2: the child was terminated before it was ready", "gone 2", "answer 2", "removed 2")
	s.state(2, "")
	s.terminate(1)
	s.stops(1)
	s.want("stop 1.2", "answer 1: the child was terminated before it was ready", "gone 1", "answer 1")
	s.state(1, "stopped")
}

// TestRestartByHandAfterRestarts: a start by hand that fails is not tried again,
// though the one before was by the rules.
func TestRestartByHandAfterRestarts(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent, Permanent)
	s.terminate(2)
	s.stops(2)
	s.dies(1, Abnormal)
	s.ready(1)
	s.log = nil
	s.again(2)
	s.dies(2, Abnormal)
	s.want("spawn 2.2", "start_error 2", "answer 2: the child did not become ready", "gone 2")
}

// TestCommandsWhileEnding: whoever comes when everything ends is told so, whatever
// his child is at.
func TestCommandsWhileEnding(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	s.terminate(1)
	s.stops(1)
	s.terminate(3)
	s.log = nil
	s.again(1) // waits: 3 is being stopped
	s.add(4, ChildSpec{})
	s.in(Shutdown{})
	const ending = ": the supervisor is ending"
	s.want("answer 1"+ending, "answer 4"+ending, "gone 4", "removed 4")
	s.again(1)
	s.delete(1)
	s.in(Replace{1, 2})
	s.want("answer 1"+ending, "answer 1"+ending, "answer 2"+ending)
	s.in(Shutdown{}) // once is enough
	s.stops(3)
	s.want("gone 3", "removed 3", "answer 3", "stop 2.1")
	s.stops(2)
	s.want("gone 2", "removed 2", "removed 1", "ended")
}

// TestEndsDuringStops: a shutdown takes over what was to be stopped, in its own
// order: a group, or one that was terminated.
func TestEndsDuringStops(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(Permanent, Permanent, Permanent, Permanent)
	s.dies(1, Abnormal)
	s.in(Shutdown{})
	s.stops(4, 3, 2)
	s.want("child_terminated 1", "restarting 1", "stop 4.1", "gone 4", "removed 4", "stop 3.1", "gone 3", "removed 3",
		"stop 2.1", "gone 2", "removed 2", "gone 1", "removed 1", "ended")

	s = newScript(t, lenient)
	s.up(Permanent, Permanent, Permanent, Permanent)
	s.terminate(4)
	s.terminate(1)
	s.log = nil
	s.in(Shutdown{})
	s.stops(4)
	s.want("gone 4", "removed 4", "answer 4", "stop 3.1")
	s.stops(3)
	s.want("gone 3", "removed 3", "stop 2.1")
	s.stops(2, 1)
	s.want("gone 2", "removed 2", "stop 1.1", "gone 1", "removed 1", "answer 1", "ended")
}

// TestPlannedIsNotStopped: a child that waits for its group's restart is not one that
// can be started by hand, or deleted, or replaced.
func TestPlannedIsNotStopped(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.terminate(3)
	s.stops(3)
	s.dies(1, Abnormal)
	s.stops(2)
	s.log = nil
	s.state(3, "waiting")
	s.again(3)
	s.delete(3)
	s.in(Replace{1, 3})
	const restarting = "answer 3: the child is being restarted"
	s.want(restarting, restarting, restarting)
	s.terminate(3) // and it stays so when the restart fails
	s.dies(1, Abnormal)
	s.state(2, "waiting")
	s.state(3, "stopped")
}

// TestFinalStartedByHand: who waits for a start by hand that its group's has
// overtaken learns how that ends.
func TestFinalStartedByHand(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(Permanent, Permanent, Temporary)
	s.terminate(2)
	s.stops(2)
	s.terminate(3)
	s.log = nil
	s.dies(1, Abnormal)
	s.again(2) // waits, as the death does: 3 is being stopped
	s.stops(3)
	s.ready(1)
	s.log = nil
	s.state(2, "starting")
	s.dies(2, Final)
	s.want("start_error 2", "answer 2: the child did not become ready", "gone 2")
}

// TestTerminatedWhileDelayed: a child's death is reported once, however its delay
// ends; and it has not ended by itself when a Terminate ends it.
func TestTerminatedWhileDelayed(t *testing.T) {
	c := patient
	c.AutoShutdown = AnySignificant
	s := newScript(t, c)
	s.upSpec(1, ChildSpec{Restart: Transient, Significant: true, Backoff: Backoff{Min: 100 * time.Millisecond}})
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "backoff 1 100ms")
	if i, _ := s.m.Child(1); i.Until != 100*time.Millisecond {
		t.Errorf("%+v", i)
	}
	s.terminate(1)
	s.want("gone 1", "answer 1")
	if i, _ := s.m.Child(1); i.Until != 0 {
		t.Errorf("%+v", i)
	}
	s.terminate(1)
	s.want("answer 1")
}

// TestTerminatedAfterItsEnd: a permanent child that has ended in order was about to be
// restarted; that is reported, as it would have been.
func TestTerminatedAfterItsEnd(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent, Permanent)
	s.terminate(2)
	s.dies(1, Normal) // nobody looks: 2 is being stopped
	s.log = nil
	s.terminate(1)
	s.want("child_terminated 1", "gone 1", "answer 1")
}

// TestReplaceInEachState: only what runs can be replaced.
func TestReplaceInEachState(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent)
	ask := func(state, want string) {
		t.Helper()
		s.state(1, state)
		s.log = nil
		s.in(Replace{1, 1})
		s.want("answer 1: " + want)
	}
	s.terminate(1)
	ask("stopping", "it is not running")
	s.stops(1)
	ask("stopped", "it is not running")
	s.again(1)
	ask("starting", "the child is being restarted")
}

// TestReplaceAnswers: why a replacement has failed.
func TestReplaceAnswers(t *testing.T) {
	for _, tt := range []struct {
		in   Input
		want string
	}{
		{Exited{1, 2, Abnormal}, "answer 1: the successor has ended"},
		{Ignored{1, 2}, "answer 1: the successor has ended"},
		{GiveUp{1, 2, ErrStart}, "answer 1: the child did not become ready"},
		{HandedOver{1, 3}, ""},       // another one's
		{GiveUp{1, 3, ErrStart}, ""}, // another one's
	} {
		for _, ready := range []bool{false, true} {
			s := runningScript(t, lenient)
			s.in(Replace{1, 1})
			if ready {
				s.in(Ready{1, 2})
				s.in(Ready{1, 2}) // twice is once
			}
			s.log = nil
			s.in(tt.in)
			if tt.want == "" {
				s.want()
				continue
			}
			if _, gives := tt.in.(GiveUp); gives {
				s.want("abandon 1 2")
				s.in(Exited{1, 2, Killed})
			}
			s.want(tt.want)
		}
	}
}

// TestChildOfAbandonedSuccessor: a child that has died waits for the end of its
// successor, and does not count as one that runs.
func TestChildOfAbandonedSuccessor(t *testing.T) {
	s := runningScript(t, lenient)
	s.in(Replace{1, 1})
	s.dies(1, Abnormal)
	s.state(1, "restarting")
	s.log = nil
	s.again(1)
	s.in(HandedOver{1, 2})
	s.want("answer 1: the child is being restarted")
	s.in(Exited{1, 2, Killed})
	s.want("answer 1: it is not running", "child_terminated 1", "restarting 1", "spawn 1.3")
}

// TestDefaultPace: eight at once, and then sixteen a second.
func TestDefaultPace(t *testing.T) {
	p := NewPacer(Pace{})
	for range 8 {
		if d := p.wait(0, time.Hour); d != 0 {
			t.Fatalf("one of the first eight waits for %v", d)
		}
	}
	for n := range time.Duration(3) {
		if d := p.wait(0, time.Hour); d != (n+1)*60*ms {
			t.Errorf("the one with the number %d after that waits for %v", n+1, d)
		}
	}
}

// TestDelaysBeginAnew: after a time as long as the longest delay.
func TestDelaysBeginAnew(t *testing.T) {
	for _, tt := range []struct {
		b     Backoff
		alive time.Duration
		want  string
	}{
		{Backoff{Min: 100 * ms, Max: 400 * ms}, 399 * ms, "backoff 1 699ms"},
		{Backoff{Min: 100 * ms, Max: 400 * ms}, 400 * ms, "backoff 1 600ms"},
		{Backoff{Min: 100 * ms, Max: 400 * ms, ResetAfter: 500 * ms}, 499 * ms, "backoff 1 799ms"},
		{Backoff{Min: 100 * ms, Max: 400 * ms, ResetAfter: 50 * ms}, 50 * ms, "backoff 1 250ms"},
	} {
		s := newScript(t, Config{Intensity: 10, Period: time.Hour})
		s.upSpec(1, ChildSpec{Backoff: tt.b})
		s.dies(1, Abnormal)
		s.now = 100 * ms
		s.in(Retry{1})
		s.ready(1)
		s.log = nil
		s.now += tt.alive
		s.dies(1, Abnormal)
		s.want("child_terminated 1", tt.want)
	}
}

// TestSlowest: the sum of the delays that lie between the first restart and the one
// that is too many.
func TestSlowest(t *testing.T) {
	for _, tt := range []struct {
		b    Backoff
		want time.Duration
	}{
		{Backoff{Min: 1, Factor: 2, Max: 100}, 2 + 4 + 8},
		{Backoff{Min: 1, Factor: 2, Max: 4}, 2 + 4 + 4},
		{Backoff{Min: 3, Factor: 1, Max: 100}, 3 + 3 + 3},
		{Backoff{Min: 100, Factor: 2, Max: 1000, Jitter: 0.5}, (200 + 400 + 800) * 3 / 2},
	} {
		if got := tt.b.slowest(3); got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.b, got, tt.want)
		}
	}
	if err := (Backoff{Min: 2, Max: 1}).Validate(); err == nil {
		t.Error("a Max below Min is accepted")
	}
	if err := (Backoff{Min: 2, Max: 2}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (Backoff{Max: 1}).Validate(); err == nil {
		t.Error("a Backoff without Min is accepted")
	}
}

// TestWrongConfig: each value that does not exist is refused, and the last that does
// is not.
func TestWrongConfig(t *testing.T) {
	if err := (Config{Strategy: RestForOne, AutoShutdown: AllSignificant}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{Strategy: SimpleOneForOne}).Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{{Strategy: SimpleOneForOne + 1}, {AutoShutdown: AllSignificant + 1}, {Period: -1}} {
		if problems(c.Validate()) != 1 {
			t.Errorf("%+v: %v", c, c.Validate())
		}
	}
	s := newScript(t, lenient)
	s.add(1, ChildSpec{Restart: Temporary + 1})
	if len(s.log) == 0 || s.log[0] == "spawn 1.1" {
		t.Errorf("%q", s.log)
	}
	if got := Strategy(9).String(); got != "9" {
		t.Error(got)
	}
}

// TestTerminateWithoutCaller: it ends a child as one with a caller does, in the middle
// of a group's restart and after it.
func TestTerminateWithoutCaller(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.in(Terminate{ID: 2})
	s.stops(3)
	s.log = nil
	s.stops(2)
	s.want("gone 2", "spawn 1.2")
	s.ready(1)
	s.want("spawn 3.2")
	s.ready(3)
	s.want()
	s.in(Terminate{ID: 3})
	s.stops(3)
	s.want("stop 3.2", "gone 3")
	s.state(3, "stopped")
}

// TestEndsOnce: of an incarnation that has ended, another end is not believed, whatever
// the child is at: stopped, forgotten or not wanted.
func TestEndsOnce(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent)
	s.terminate(1)
	s.stops(1)
	s.add(2, ChildSpec{})
	s.in(Ignored{2, 1})
	s.log = nil
	for _, in := range []Input{Exited{1, 1, Abnormal}, Ignored{1, 1}, Exited{2, 1, Abnormal}, Ignored{2, 1}} {
		s.in(in)
	}
	s.want()
	s.state(1, "stopped")
	s.state(2, "stopped")
	s.in(Shutdown{})
	s.want("removed 2", "removed 1", "ended") // nothing runs
}

// TestRetryOvertakenInTheQueue: a retry that waits for its turn when its child is
// started with a group means nothing, though the child has died again by then.
func TestRetryOvertakenInTheQueue(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.up(Permanent, Permanent, Permanent, Permanent)
	s.dies(3, Abnormal)
	s.stops(4)
	s.dies(3, Abnormal) // its start fails
	s.terminate(1)
	s.dies(2, Abnormal) // looked at when 1 has ended,
	s.in(Retry{3})      // and then this
	s.stops(1)
	s.ready(2)
	s.ready(3)
	s.dies(3, Abnormal) // while 4 is being started
	s.log = nil
	s.ready(4)
	s.want("child_terminated 3", "restarting 3", "stop 4.2")
}

// TestRetryAfterDelay: the time of a delay that was overtaken by the restart of the
// child's group is nothing that a later retry waits for.
func TestRetryAfterDelay(t *testing.T) {
	s := newScript(t, Config{Strategy: RestForOne, Intensity: 3, Period: time.Hour, Pacer: NewPacer(Pace{Burst: 1, Every: time.Second})})
	s.up(Permanent, Permanent)
	s.now = Settled
	for range 2 { // the first one does not wait, and the second one uses up the burst
		s.dies(2, Abnormal)
		s.ready(2)
	}
	s.dies(2, Abnormal)
	s.state(2, "backoff")
	s.dies(1, Abnormal)
	s.ready(1)
	s.log = nil
	s.dies(2, Abnormal)
	s.want("start_error 2", "postretry 2") // who is about to give up does not wait
	s.in(Retry{2})
	s.want("exceeded 2", "gone 2", "removed 2", "stop 1.2")
}
