package tree

import (
	"fmt"
	"testing"
	"time"
)

// Orders of events that are rare: deaths, commands and stops that meet.

// TestDiesBeforeItsTurnToStop: of a group that is being stopped, one dies by itself
// before its turn. It counts as stopped, and its end is what it would be if it had been
// asked. One that stands before the group waits until that is whole again.
func TestDiesBeforeItsTurnToStop(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.up(Permanent, Permanent, Permanent, Permanent)
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "restarting 2", "stop 4.1")
	s.dies(3, Abnormal)
	s.dies(1, Abnormal)
	s.want()
	s.dies(4, ByRequest)
	s.want("shutdown_error 3", "spawn 2.2")
	s.ready(2)
	s.ready(3)
	s.ready(4)
	s.want("spawn 3.2", "spawn 4.2", "child_terminated 1", "restarting 1", "stop 4.2")
	s.stops(4, 3, 2)
	for id := range uint32(4) {
		s.ready(id + 1)
	}
	s.want("stop 3.2", "stop 2.2", "spawn 1.2", "spawn 2.3", "spawn 3.3", "spawn 4.3")
	if n := s.m.window.Count(s.now); n != 2 {
		t.Errorf("%d restarts were counted, want 2", n)
	}
}

// TestAllDieAtOnce: one restart; those who die before they are asked are no further one.
func TestAllDieAtOnce(t *testing.T) {
	s := newScript(t, strict(OneForAll))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.dies(3, Abnormal)
	s.dies(1, Normal)
	s.want("child_terminated 2", "restarting 2", "stop 3.1", "shutdown_error 3", "stop 1.1", "shutdown_error 1", "spawn 1.2")
	for id := range uint32(3) {
		s.ready(id + 1)
	}
	s.want("spawn 2.2", "spawn 3.2")
}

// TestEndsInOrderDuringGroupStop: a transient child that ends in order by itself, when
// its group is about to be stopped, is started again with that, as in OTP; a temporary
// one is not, nor does it end the supervisor.
func TestEndsInOrderDuringGroupStop(t *testing.T) {
	c := auto(AnySignificant)
	c.Strategy = OneForAll
	s := newScript(t, c)
	s.up(Permanent, Transient, Temporary, Permanent)
	s.m.byID[2].spec.Significant, s.m.byID[3].spec.Significant = true, true
	s.dies(1, Abnormal)
	s.dies(2, Normal)
	s.dies(3, Normal)
	s.want("child_terminated 1", "restarting 1", "stop 4.1")
	s.dies(4, ByRequest)
	s.want("gone 3", "removed 3", "spawn 1.2")
	s.ready(1)
	s.want("spawn 2.2")
}

// TestDiesAfterItsRestart: one that dies again while its group is still being started
// waits for that. It is another restart.
func TestDiesAfterItsRestart(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.stops(3, 2)
	s.ready(1)
	s.log = nil
	s.dies(1, Abnormal)
	s.ready(2)
	s.want("spawn 3.2")
	s.ready(3)
	s.want("child_terminated 1", "restarting 1", "stop 3.2")
}

// TestCommandsDuringGroupRestart: what each command says to a child in each of the
// states that it has then.
func TestCommandsDuringGroupRestart(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	refused := func(id uint32, want error) {
		t.Helper()
		s.log = nil
		s.again(id)
		s.delete(id)
		s.want(fmt.Sprintf("answer %d: %v", id, want), fmt.Sprintf("answer %d: %v", id, want))
	}
	s.dies(2, Abnormal)
	refused(1, ErrRunning)    // to be stopped
	refused(2, ErrRestarting) // dead
	refused(3, ErrRunning)    // being stopped
	s.dies(3, ByRequest)
	refused(3, ErrRestarting) // waits for its start
	s.dies(1, ByRequest)
	refused(1, ErrRunning) // is being started
	s.log = nil
	s.terminate(3)
	s.want("gone 3", "answer 3")
	s.again(3) // by hand, after the group
	s.add(4, ChildSpec{})
	s.want()
	s.ready(1)
	s.ready(2)
	s.want("spawn 2.2", "spawn 3.2")
	s.ready(3)
	s.want("answer 3", "spawn 4.1")
}

// TestTerminatedBeforeItsTurnToStop: of a group that is being stopped one dies, is
// terminated and is started by hand, before its turn comes. That is no end of what was
// started by hand.
func TestTerminatedBeforeItsTurnToStop(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.dies(2, Abnormal)
	s.log = nil
	s.terminate(2)
	s.want("shutdown_error 2", "gone 2", "answer 2")
	s.again(2)
	s.dies(3, ByRequest)
	s.ready(1)
	s.ready(3)
	s.want("spawn 1.2", "spawn 3.2", "spawn 2.2")
	s.ready(2)
	s.want("answer 2")
}

// TestByHandBesideATermination: a child that waits for its start by hand does not wait for
// the one whose restart its group waits for.
func TestByHandBesideATermination(t *testing.T) {
	c := patient
	c.Strategy = RestForOne
	s := newScript(t, c)
	s.upSpec(1, slow)
	s.upSpec(2, ChildSpec{})
	s.upSpec(3, ChildSpec{})
	s.terminate(2)
	s.stops(2)
	s.dies(1, Abnormal)
	s.stops(3)
	s.log = nil
	s.add(4, ChildSpec{}) // its start takes its time
	s.again(2)
	s.terminate(1)
	s.want("spawn 4.1", "gone 3", "gone 1", "answer 1")
	s.ready(4)
	s.want("answer 4", "spawn 2.2")
}

// TestTerminateOfTheDead: a Terminate comes when the child has died by itself, and
// the supervisor, busy with another one, has not looked at that. The death is what it
// was: it is reported, and ends the supervisor if the child is significant and not to
// be restarted.
func TestTerminateOfTheDead(t *testing.T) {
	for _, tt := range []struct {
		spec   ChildSpec
		reason Reason
		want   []string
	}{
		{ChildSpec{Restart: Permanent}, Abnormal, []string{"child_terminated 2", "gone 2", "answer 2"}},
		{ChildSpec{Restart: Transient}, Normal, []string{"gone 2", "answer 2"}},
		{ChildSpec{Restart: Transient, Significant: true}, Abnormal, []string{"child_terminated 2", "gone 2", "answer 2"}},
		{ChildSpec{Restart: Transient, Significant: true}, Normal, []string{"gone 2", "answer 2", "significantended 2", "removed 2", "stop 1.2"}},
		{ChildSpec{Restart: Temporary, Significant: true}, Abnormal,
			[]string{"child_terminated 2", "gone 2", "removed 2", "answer 2", "significantended 2", "stop 1.2"}},
	} {
		s := newScript(t, auto(AnySignificant))
		s.upSpec(1, ChildSpec{})
		s.upSpec(2, tt.spec)
		s.dies(1, Abnormal) // its next start takes its time
		s.dies(2, tt.reason)
		s.log = nil
		s.terminate(2)
		s.want(tt.want...)
		if !s.m.ending {
			s.ready(1)
			s.want()
			s.state(2, "stopped")
		}
	}
}

// TestDynamicEndsWhileStopped: a child of a simple_one_for_one that ends by itself when
// it is asked to, or just before. Each caller has an answer.
func TestDynamicEndsWhileStopped(t *testing.T) {
	s := newScript(t, with(SimpleOneForOne))
	s.up(permanent3...)
	s.terminate(2)
	s.terminate(2)
	s.dies(2, Normal)
	s.want("stop 2.1", "shutdown_error 2", "gone 2", "removed 2", "answer 2", "answer 2")
	s.add(4, ChildSpec{}) // its start takes its time
	s.dies(1, Abnormal)
	s.want("spawn 4.1")
	s.terminate(3)
	s.in(Shutdown{})
	s.want("stop 3.1", "shutdown_error 1", "gone 1", "removed 1", "stopall 1")
	s.dies(4, Abnormal)
	s.dies(3, Abnormal)
	s.want("shutdown_error 4", "answer 4: "+ErrTerminated.Error(), "gone 4", "removed 4", "shutdown_error 3", "gone 3", "removed 3", "answer 3", "ended")
}

// TestIntensityAtTheEdge: a restart that is exactly a period old still counts, one
// that is a nanosecond older does not.
func TestIntensityAtTheEdge(t *testing.T) {
	for _, tt := range []struct {
		last time.Duration
		want string
	}{{time.Second, "exceeded {1}"}, {time.Second + 1, "restarting {1}"}} {
		s := newScript(t, Config{Intensity: 2, Period: time.Second})
		s.up(Permanent)
		for _, at := range []time.Duration{0, 500 * ms, tt.last} {
			s.now = at
			s.log = nil
			s.dies(1, Abnormal)
			s.ready(1)
		}
		if s.log[1] != tt.want {
			t.Errorf("after %v: %q, want %s", tt.last, s.log, tt.want)
		}
	}
}
