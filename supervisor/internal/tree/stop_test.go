package tree

import (
	"errors"
	"slices"
	"testing"
)

// TestOrderOfChildren: exactly the reverse of the starts, one at a time.
func TestOrderOfChildren(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	s.dies(1, Abnormal) // a restart does not change its place
	s.ready(1)
	s.log = nil
	s.in(Shutdown{})
	s.want("stop 3.1")
	s.dies(3, ByRequest)
	s.want("gone 3", "removed 3", "stop 2.1")
	s.dies(2, ByRequest)
	s.want("gone 2", "removed 2", "stop 1.2")
	s.dies(1, ByRequest)
	s.want("gone 1", "removed 1", "ended")
}

// TestSupStopRace: a child that dies while it is being stopped, or before.
func TestSupStopRace(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	s.in(Shutdown{})
	s.dies(1, Abnormal) // not its turn yet
	s.dies(3, Abnormal) // crashed while stopping
	s.want("stop 3.1", "shutdown_error 3", "gone 3", "removed 3", "stop 2.1")
	s.dies(2, ByRequest)
	s.want("gone 2", "removed 2", "shutdown_error 1", "gone 1", "removed 1", "ended")
}

// TestSupStopRaceRestarting: nor is a child tried again that dies while it is
// being restarted and everything ends.
func TestSupStopRaceRestarting(t *testing.T) {
	s := newScript(t, lenient)
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.log = nil
	s.in(Shutdown{})
	s.dies(1, Abnormal)
	s.stops(3, 2)
	s.want("stop 3.1", "gone 3", "removed 3", "stop 2.1", "gone 2", "removed 2", "gone 1", "removed 1", "ended")
}

// TestShutdownErrors is the table of ends that were asked for. OTP:
// sup_stop_timeout, sup_stop_brutal_kill, sup_stop_non_shutdown_exit_dynamic,
// faulty_application_shutdown.
func TestShutdownErrors(t *testing.T) {
	brutal := func(r Restart) ChildSpec { return ChildSpec{Restart: r, BrutalKill: true} }
	asked := func(r Restart) ChildSpec { return ChildSpec{Restart: r} }
	for _, tt := range []struct {
		name   string
		spec   ChildSpec
		reason Reason
		well   bool
	}{
		{"shutdown", asked(Permanent), ByRequest, true},
		{"normal, permanent", asked(Permanent), Normal, false},
		{"normal, transient", asked(Transient), Normal, true},
		{"{shutdown,_}, permanent", asked(Permanent), ShutdownWith, false},
		{"{shutdown,_}, temporary", asked(Temporary), ShutdownWith, true},
		{"killed after its time", asked(Temporary), Killed, false},
		{"crashed", asked(Transient), Abnormal, false},
		{"brutal kill", brutal(Permanent), Killed, true},
		{"brutal kill of one that had ended", brutal(Transient), Normal, true},
		{"brutal kill of a permanent one that had ended", brutal(Permanent), ByRequest, false},
		{"brutal kill of one that had crashed", brutal(Transient), Abnormal, false},
	} {
		s := newScript(t, lenient)
		s.upSpec(1, tt.spec)
		s.in(Shutdown{})
		s.dies(1, tt.reason)
		want := []string{"stop 1.1", "shutdown_error 1", "gone 1", "removed 1", "ended"}
		if tt.well {
			want = append(want[:1], want[2:]...)
		}
		t.Log(tt.name)
		s.want(want...)
	}
}

// TestSimpleOneForOneShutdown: all at once; one action, so that they share one
// timer.
func TestSimpleOneForOneShutdown(t *testing.T) {
	s := newScript(t, with(SimpleOneForOne))
	s.up(permanent3...)
	s.terminate(2)
	s.want("stop 2.1")
	s.in(Shutdown{})
	s.want("stopall 2")
	s.stops(2)
	s.want("gone 2", "removed 2", "answer 2")
	s.stops(3, 1)
	s.want("gone 3", "removed 3", "gone 1", "removed 1", "ended")
}

// TestTerminatedStaysStopped: a death of a sibling does not bring it back when
// the strategy is one_for_one; a group restart does, as in OTP.
func TestTerminatedStaysStopped(t *testing.T) {
	for _, strategy := range []Strategy{OneForOne, OneForAll} {
		s := newScript(t, with(strategy))
		s.up(Permanent, Permanent)
		s.terminate(1)
		s.stops(1)
		s.want("stop 1.1", "gone 1", "answer 1")
		s.dies(2, Abnormal)
		if strategy == OneForOne {
			s.want("child_terminated 2", "restarting 2", "spawn 2.2")
			s.state(1, "stopped")
		} else {
			s.want("child_terminated 2", "restarting 2", "spawn 1.2")
		}
	}
}

// TestTerminateDuringGroupRestart: what is terminated while it waits for its
// turn is not started.
func TestTerminateDuringGroupRestart(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.terminate(2) // running still
	s.terminate(3) // being stopped
	s.stops(3)
	s.want("child_terminated 1", "restarting 1", "stop 3.1", "gone 3", "answer 3", "stop 2.1")
	s.stops(2)
	s.want("gone 2", "answer 2", "spawn 1.2")
	s.ready(1)
	s.want()
}

func auto(a AutoShutdown) Config {
	c := lenient
	c.AutoShutdown = a
	return c
}

// TestSignificant: OTP: significant_transient, significant_temporary,
// nonsignificant_transient, nonsignificant_temporary.
func TestSignificant(t *testing.T) {
	for _, tt := range []struct {
		name    string
		auto    AutoShutdown
		restart Restart
		reason  Reason
		first   bool // the end of one significant child ends the supervisor
		both    bool // the end of both does
	}{
		{"any, transient normal", AnySignificant, Transient, Normal, true, true},
		{"any, transient shutdown", AnySignificant, Transient, ByRequest, true, true},
		{"any, transient abnormal", AnySignificant, Transient, Abnormal, false, false},
		{"any, temporary abnormal", AnySignificant, Temporary, Abnormal, true, true},
		{"all, transient normal", AllSignificant, Transient, Normal, false, true},
		{"all, temporary abnormal", AllSignificant, Temporary, Abnormal, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t, auto(tt.auto))
			s.upSpec(1, ChildSpec{Restart: tt.restart, Significant: true})
			s.upSpec(2, ChildSpec{Restart: tt.restart, Significant: true})
			s.upSpec(3, ChildSpec{Restart: tt.restart})
			s.upSpec(4, ChildSpec{}) // it runs to the end, and has no say
			s.dies(3, tt.reason)     // not significant
			if s.m.ending {
				t.Fatal("it ended because of a child that is not significant")
			}
			s.dies(1, tt.reason)
			if s.m.ending != tt.first {
				t.Fatal("after the first:", s.m.ending)
			}
			if s.m.ending {
				return
			}
			s.ready(3)
			s.ready(1)
			s.dies(2, tt.reason)
			if s.m.ending != tt.both {
				t.Fatal("after both:", s.m.ending)
			}
		})
	}
}

// TestSignificantBystander: stopped by hand, or because of a sibling, it does
// not end the supervisor.
func TestSignificantBystander(t *testing.T) {
	c := auto(AnySignificant)
	c.Strategy = OneForAll
	s := newScript(t, c)
	s.upSpec(1, ChildSpec{Restart: Permanent})
	s.upSpec(2, ChildSpec{Restart: Temporary, Significant: true})
	s.upSpec(3, ChildSpec{Restart: Transient, Significant: true})
	s.dies(1, Abnormal)
	s.stops(3, 2)
	s.ready(1)
	s.ready(3)
	s.log = nil
	s.terminate(3)
	s.stops(3)
	s.want("stop 3.2", "gone 3", "answer 3")
}

// TestSignificantSimple: which combinations are refused.
func TestSignificantSimple(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		s    ChildSpec
		bad  int
	}{
		{"permanent", auto(AnySignificant), ChildSpec{Restart: Permanent, Significant: true}, 1},
		{"never", auto(Never), ChildSpec{Restart: Transient, Significant: true}, 1},
		{"both", auto(Never), ChildSpec{Restart: Permanent, Significant: true}, 2},
		{"right", auto(AllSignificant), ChildSpec{Restart: Temporary, Significant: true}, 0},
	} {
		err := errors.Join(tt.s.Validate(), tt.s.Suits(tt.c))
		if n := problems(err); n != tt.bad {
			t.Errorf("%s: %d problems: %v", tt.name, n, err)
		}
		s := newScript(t, tt.c)
		s.add(1, tt.s)
		if got := slices.Contains(s.log, "spawn 1.1"); got != (tt.bad == 0) {
			t.Errorf("%s: start_child: %q", tt.name, s.log)
		}
	}
	simple := Config{Strategy: SimpleOneForOne, AutoShutdown: AnySignificant}
	if simple.Validate() == nil {
		t.Error("auto_shutdown of a simple_one_for_one was accepted")
	}
	if n := problems((Config{Strategy: 9, AutoShutdown: 9, Period: -1}).Validate()); n != 3 {
		t.Error(n)
	}
}

// problems counts what Validate lists.
func problems(err error) int {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		n := 0
		for _, e := range j.Unwrap() {
			n += problems(e)
		}
		return n
	}
	if err != nil {
		return 1
	}
	return 0
}

// TestScale: a hundred thousand children come and go in linear time. OTP:
// simple_one_for_one_scale_many_temporary_children, scale_start_stop_many_children.
func TestScale(t *testing.T) {
	const n = 100_000
	for _, strategy := range []Strategy{SimpleOneForOne, OneForOne} {
		m := New(with(strategy))
		for id := uint32(1); id <= n; id++ {
			m.Handle(0, Add{Call: 1, ID: id, Spec: ChildSpec{Name: string(rune(id)), Restart: Temporary}})
			m.Handle(0, Ready{id, 1})
		}
		for id := uint32(1); id <= n/2; id++ { // the oldest first
			m.Handle(0, Exited{id, 1, Normal})
		}
		stops := map[uint32]bool{}
		queue := m.Handle(0, Shutdown{})
		for ended := false; !ended; {
			a := queue[0]
			queue = queue[1:]
			switch a := a.(type) {
			case Stop:
				stops[a.ID] = true
				queue = append(queue, m.Handle(0, Exited{a.ID, 1, ByRequest})...)
			case StopAll:
				for _, a := range a.Children {
					stops[a.ID] = true
					queue = append(queue, m.Handle(0, Exited{a.ID, 1, ByRequest})...)
				}
			case Ended:
				ended = true
			}
		}
		if len(stops) < n/2-3000 { // rune(id) is not a name of its own for surrogates
			t.Fatalf("%v: %d stops", strategy, len(stops))
		}
	}
}
