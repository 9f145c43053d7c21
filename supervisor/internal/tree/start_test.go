package tree

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func initOf(types ...Restart) (in Init) {
	for i, r := range types {
		in.Children = append(in.Children, Add{ID: uint32(i + 1), Spec: ChildSpec{Name: fmt.Sprint(i + 1), Restart: r}})
	}
	return in
}

// TestSupStartNormal: from left to right, each when the one before is ready;
// the supervisor is up when all are.
func TestSupStartNormal(t *testing.T) {
	s := newScript(t, lenient)
	s.in(initOf(permanent3...))
	s.want("spawn 1.1")
	s.ready(1)
	s.want("spawn 2.1")
	s.dies(1, Abnormal) // looked at when all are started
	s.want()
	s.ready(2)
	s.want("spawn 3.1")
	s.ready(3)
	s.want("up", "child_terminated 1", "restarting 1", "spawn 1.2")
}

func TestSupStartNoChildren(t *testing.T) {
	s := newScript(t, lenient)
	s.in(Init{})
	s.want("up")
	s.in(Shutdown{})
	s.want("ended")
}

// TestSupStartFail: those that were started are stopped in reverse order. OTP:
// {shutdown,{failed_to_start_child,Id,Reason}}.
func TestSupStartFail(t *testing.T) {
	s := newScript(t, lenient)
	s.in(initOf(permanent3...))
	s.ready(1)
	s.ready(2)
	s.log = nil
	s.dies(3, Abnormal)
	s.want("start_error 3", "initfailed 3", "gone 3", "removed 3", "stop 2.1")
	s.stops(2, 1)
	s.want("gone 2", "removed 2", "stop 1.1", "gone 1", "removed 1", "ended")
}

// TestSupStartTerminated: a supervisor that is stopped before it is up.
func TestSupStartTerminated(t *testing.T) {
	s := newScript(t, lenient)
	s.in(initOf(permanent3...))
	s.ready(1)
	s.log = nil
	s.in(Shutdown{})
	s.want("gone 3", "removed 3", "stop 2.1")
	s.stops(2, 1)
	s.want("gone 2", "removed 2", "stop 1.1", "gone 1", "removed 1", "ended")
}

// TestTerminateDuringInit: a child of Init that is terminated before its first turn, or
// while it is being started for the first time, stays known, and the others start.
func TestTerminateDuringInit(t *testing.T) {
	for _, strategy := range []Strategy{OneForOne, OneForAll, RestForOne} {
		c := lenient
		c.Strategy = strategy
		s := newScript(t, c)
		s.in(initOf(permanent3...))
		s.terminate(2)
		s.want("spawn 1.1", "gone 2", "answer 2")
		s.terminate(1)
		s.stops(1)
		s.want("stop 1.1", "gone 1", "answer 1", "spawn 3.1")
		s.ready(3)
		s.want("up")
		s.again(2)
		s.ready(2)
		s.again(1)
		s.ready(1)
		s.want("spawn 2.1", "answer 2", "spawn 1.2", "answer 1")
	}
}

// TestSupStartIgnoreChild: the spec stays, with no process.
func TestSupStartIgnoreChild(t *testing.T) {
	s := newScript(t, lenient)
	s.in(initOf(Permanent, Permanent))
	s.in(Ignored{1, 1})
	s.want("spawn 1.1", "gone 1", "spawn 2.1")
	s.ready(2)
	s.want("up")
	s.state(1, "stopped")
	s.add(3, ChildSpec{})
	s.in(Ignored{3, 1})
	s.want("spawn 3.1", "answer 3: "+ErrIgnored.Error(), "gone 3")
	s.state(3, "stopped")
	s.again(3)
	s.ready(3)
	s.want("spawn 3.2", "answer 3")
}

// TestSupStartIgnoreTemporaryChild: the spec goes.
func TestSupStartIgnoreTemporaryChild(t *testing.T) {
	s := newScript(t, lenient)
	s.in(initOf(Temporary))
	s.in(Ignored{1, 1})
	s.want("spawn 1.1", "gone 1", "removed 1", "up")
	s.add(2, ChildSpec{Restart: Temporary})
	s.in(Ignored{2, 1})
	s.want("spawn 2.1", "answer 2: "+ErrIgnored.Error(), "gone 2", "removed 2")
}

// TestSupStartIgnorePermanentChildSimple: a simple_one_for_one keeps nothing.
func TestSupStartIgnorePermanentChildSimple(t *testing.T) {
	s := newScript(t, with(SimpleOneForOne))
	s.add(1, ChildSpec{})
	s.in(Ignored{1, 1})
	s.want("spawn 1.1", "answer 1: "+ErrIgnored.Error(), "gone 1", "removed 1")
}

// TestSimpleOneForOneRestartIgnore: nor when a restart is ignored.
func TestSimpleOneForOneRestartIgnore(t *testing.T) {
	s := newScript(t, with(SimpleOneForOne))
	s.up(Permanent)
	s.dies(1, Abnormal)
	s.in(Ignored{1, 2})
	s.want("child_terminated 1", "restarting 1", "spawn 1.2", "gone 1", "removed 1")
}

// TestRestartIgnore: a restart that is ignored counts as done.
func TestRestartIgnore(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(Permanent, Permanent)
	s.dies(2, Abnormal)
	s.stops(1)
	s.log = nil
	s.in(Ignored{1, 2})
	s.want("gone 1", "spawn 2.2")
	s.state(1, "stopped")
}

// TestSupStartChildReturnsError: the caller learns it, the spec is discarded,
// the supervisor goes on.
func TestSupStartChildReturnsError(t *testing.T) {
	for _, strategy := range []Strategy{OneForOne, OneForAll, RestForOne, SimpleOneForOne} {
		s := newScript(t, with(strategy))
		s.add(1, ChildSpec{})
		s.add(2, ChildSpec{})
		s.dies(1, Abnormal)
		s.want("spawn 1.1", "start_error 1", "answer 1: "+ErrStart.Error(), "gone 1", "removed 1", "spawn 2.1")
	}
}

// TestSupStartRestartChildReturnsError: during a restart the attempt counts,
// and the next one waits for its turn.
func TestSupStartRestartChildReturnsError(t *testing.T) {
	s := newScript(t, Config{Intensity: 3, Period: time.Minute})
	s.up(Permanent)
	s.dies(1, Abnormal)
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "restarting 1", "spawn 1.2", "start_error 1", "postretry 1")
	s.in(Retry{1})
	s.dies(1, Abnormal)
	s.in(Retry{1})
	s.dies(1, Abnormal)
	s.log = nil
	s.in(Retry{1}) // the fourth attempt
	s.want("exceeded 1", "gone 1", "removed 1", "ended")
}

// TestRestartChildFails: the spec of a child that was started by hand stays.
func TestRestartChildFails(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent)
	s.terminate(1)
	s.stops(1)
	s.log = nil
	s.again(1)
	s.dies(1, Abnormal)
	s.want("spawn 1.2", "start_error 1", "answer 1: "+ErrStart.Error(), "gone 1")
	s.state(1, "stopped")
}

// TestChildAdm: every command in every state.
func TestChildAdm(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	for _, tt := range []struct {
		do   func(uint32)
		id   uint32
		want error
	}{
		{s.delete, 1, ErrRunning}, {s.again, 1, ErrRunning}, {s.terminate, 9, ErrNotFound}, {s.delete, 9, ErrNotFound}, {s.again, 9, ErrNotFound},
	} {
		tt.do(tt.id)
		s.want(fmt.Sprintf("answer %d: %v", tt.id, tt.want))
	}
	s.terminate(1)
	s.want("stop 1.1")
	s.again(1) // while it is being stopped
	s.want("answer 1: " + ErrRunning.Error())
	s.dies(1, ByRequest)
	s.want("gone 1", "answer 1")
	s.terminate(1) // idempotent
	s.want("answer 1")
	s.add(4, ChildSpec{Name: "1"})
	s.want("answer 4: "+(&PresentError{ID: 1}).Error(), "gone 4", "removed 4")
	s.add(5, ChildSpec{Name: "2"})
	s.want("answer 5: "+(&PresentError{ID: 2, Started: true}).Error(), "gone 5", "removed 5")
	s.delete(1)
	s.want("removed 1", "answer 1")
	s.upSpec(6, ChildSpec{Name: "1"}) // the name is free
	s.in(Shutdown{})
	s.log = nil
	s.add(7, ChildSpec{})
	s.want("answer 7: "+ErrShuttingDown.Error(), "gone 7", "removed 7")
}

// TestChildAdmSimple: children of a template are known by number only.
func TestChildAdmSimple(t *testing.T) {
	s := newScript(t, with(SimpleOneForOne))
	s.up(permanent3...)
	s.delete(1)
	s.again(1)
	s.want("answer 1: "+ErrSimple.Error(), "answer 1: "+ErrSimple.Error())
	s.terminate(2)
	s.dies(2, ByRequest)
	s.want("stop 2.1", "gone 2", "removed 2", "answer 2")
	s.terminate(2) // it has ended
	s.want("answer 2")
}

// TestHangingRestartLoop: between two attempts the supervisor answers and can
// be shut down.
func TestHangingRestartLoop(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "restarting 2", "spawn 2.2", "start_error 2", "postretry 2")
	s.again(2)
	s.delete(2)
	s.want("answer 2: "+ErrRestarting.Error(), "answer 2: "+ErrRestarting.Error())
	s.terminate(2)
	s.want("gone 2", "answer 2")
	s.in(Retry{2})
	s.want()
	s.in(Shutdown{})
	s.want("stop 3.1")
	s.stops(3, 1)
	s.want("gone 3", "removed 3", "removed 2", "stop 1.1", "gone 1", "removed 1", "ended")
}

// TestHangingRestartLoopRestForOne: those that wait for the child that hangs
// stay stopped when it is terminated, and the supervisor can be shut down.
func TestHangingRestartLoopRestForOne(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.stops(3)
	s.dies(2, Abnormal)
	s.log = nil
	s.again(3)
	s.want("answer 3: " + ErrRestarting.Error())
	s.terminate(2)
	s.want("gone 3", "gone 2", "answer 2")
	s.again(3)
	s.ready(3)
	s.want("spawn 3.2", "answer 3")
	s.in(Shutdown{})
	s.stops(3, 1)
	s.want("stop 3.2", "gone 3", "removed 3", "removed 2", "stop 1.1", "gone 1", "removed 1", "ended")
}

// TestHangingRestartLoopSimple: OTP-9549.
func TestHangingRestartLoopSimple(t *testing.T) {
	s := newScript(t, with(SimpleOneForOne))
	s.up(Permanent, Permanent)
	s.dies(1, Abnormal)
	s.dies(1, Abnormal)
	s.log = nil
	if n := s.m.Count(); n != (Counts{Specs: 1, Active: 1, Workers: 2}) {
		t.Fatalf("%+v", n)
	}
	s.terminate(1)
	s.want("gone 1", "removed 1", "answer 1")
	s.in(Retry{1})
	s.want()
	s.in(Shutdown{})
	s.want("stopall 1")
}

// TestShutdownDuringStart: neither a command nor a shutdown waits for a start
// that hangs.
func TestShutdownDuringStart(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Permanent)
	s.add(2, ChildSpec{})
	s.add(3, ChildSpec{})
	s.want("spawn 2.1")
	s.terminate(2)
	s.want("stop 2.1")
	s.dies(2, ByRequest)
	s.want("answer 2: "+ErrTerminated.Error(), "gone 2", "answer 2", "removed 2", "spawn 3.1")
	s.add(4, ChildSpec{})
	s.in(Shutdown{})
	s.want("answer 4: "+ErrShuttingDown.Error(), "gone 4", "removed 4", "stop 3.1")
	s.dies(3, ByRequest)
	s.want("answer 3: "+ErrTerminated.Error(), "gone 3", "removed 3", "stop 1.1")
}

// TestCountRestartingChildren: what the tree says of itself.
func TestCountRestartingChildren(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	s.upSpec(4, ChildSpec{Supervisor: true})
	if n := s.m.Count(); n != (Counts{Specs: 4, Active: 4, Supervisors: 1, Workers: 3}) {
		t.Fatalf("%+v", n)
	}
	s.dies(2, Abnormal)
	s.dies(2, Abnormal)
	if n := s.m.Count(); n != (Counts{Specs: 4, Active: 3, Supervisors: 1, Workers: 3}) {
		t.Fatalf("%+v", n)
	}
	s.terminate(3)
	s.stops(3)
	if n := s.m.Count(); n != (Counts{Specs: 4, Active: 2, Supervisors: 1, Workers: 3}) {
		t.Fatalf("%+v", n)
	}
	var got []string
	for _, c := range s.m.Children() {
		got = append(got, fmt.Sprint(c.ID, c.State))
	}
	if want := "1 running 2 restarting 3 stopped 4 running"; strings.Join(got, " ") != want {
		t.Fatalf("%q, want %q", got, want)
	}
}

// TestFinal: an end that is declared to be the last one is, also during a
// restart; its group goes on without it.
func TestFinal(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.stops(3, 2)
	s.log = nil
	s.dies(1, Final)
	s.want("start_error 1", "gone 1", "spawn 2.2")
	s.ready(2)
	s.ready(3)
	s.log = nil
	s.dies(2, Final)
	s.want("child_terminated 2", "gone 2")
}

// TestIgnoredWhileStopping: a child that is stopped during its start, and says
// that it is not wanted anyway, holds nobody up.
func TestIgnoredWhileStopping(t *testing.T) {
	s := newScript(t, lenient)
	s.add(1, ChildSpec{})
	s.add(2, ChildSpec{})
	s.terminate(1)
	s.in(Ignored{1, 1})
	s.want("spawn 1.1", "stop 1.1", "answer 1: "+ErrTerminated.Error(), "gone 1", "answer 1", "removed 1", "spawn 2.1")

	s = newScript(t, with(SimpleOneForOne)) // and counts as one
	s.up(Permanent)
	s.add(2, ChildSpec{})
	s.terminate(2)
	s.in(Ignored{2, 1})
	s.log = nil
	s.in(Shutdown{})
	s.want("stopall 1")
}

// TestRetryOvertaken: a retry that comes when the child was started with its group
// meanwhile means nothing.
func TestRetryOvertaken(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.stops(3)
	s.dies(2, Abnormal) // its start fails
	s.dies(1, Abnormal)
	s.ready(1)
	s.ready(2)
	s.ready(3)
	s.log = nil
	s.in(Retry{2})
	s.want()
	s.state(2, "running")
}

// TestUndone: a child that is terminated because its start is undone is forgotten, wherever
// it stands, and nobody starts it any more.
func TestUndone(t *testing.T) {
	undo := Terminate{ID: 2, Forget: true}
	for name, do := range map[string]func(s *script){
		"running": func(s *script) {
			s.in(undo)
			s.stops(2)
			s.want("stop 2.1", "gone 2", "removed 2")
		},
		"being started": func(s *script) {
			s.dies(2, Abnormal)
			s.in(undo)
			s.stops(2)
			s.want("child_terminated 2", "restarting 2", "spawn 2.2", "stop 2.2", "gone 2", "removed 2")
		},
		"ready before its stop": func(s *script) {
			s.add(3, ChildSpec{})
			s.terminate(1)
			s.in(undo)
			s.ready(3)
			s.stops(1, 2)
			s.want("spawn 3.1", "stop 1.1", "answer 3", "gone 1", "answer 1", "stop 2.1", "gone 2", "removed 2")
		},
		"dead, not seen": func(s *script) {
			s.add(3, ChildSpec{})
			s.dies(2, Abnormal)
			s.in(undo)
			s.ready(3)
			s.want("spawn 3.1", "child_terminated 2", "gone 2", "removed 2", "answer 3")
		},
		"stopped": func(s *script) {
			s.terminate(2)
			s.stops(2)
			s.in(undo)
			s.want("stop 2.1", "gone 2", "answer 2", "removed 2")
		},
		"asked to end": func(s *script) {
			s.terminate(2)
			s.in(undo)
			s.stops(2)
			s.want("stop 2.1", "gone 2", "removed 2", "answer 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, lenient)
			s.in(initOf(Permanent))
			s.ready(1)
			s.add(2, ChildSpec{})
			s.ready(2)
			s.log = nil
			do(s)
			s.state(2, "")
			s.add(4, ChildSpec{Name: "2"}) // the name is free
			s.want("spawn 4.1")
		})
	}
	t.Run("with its group", func(t *testing.T) {
		c := lenient
		c.Strategy = OneForAll
		s := newScript(t, c)
		s.in(initOf(permanent3...))
		for id := range uint32(3) {
			s.ready(id + 1)
		}
		s.dies(1, Abnormal)
		s.in(undo)
		s.stops(3, 2)
		s.log = nil
		s.ready(1)
		s.want("spawn 3.2")
		s.state(2, "")
	})
}
