package tree

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// script drives a machine and writes down what it does.
type script struct {
	t   *testing.T
	m   *Machine
	now time.Duration
	log []string
}

func newScript(t *testing.T, c Config) *script { return &script{t: t, m: New(c)} }

func (s *script) in(in Input) {
	for _, a := range s.m.Handle(s.now, in) {
		s.log = append(s.log, text(a))
	}
}

func text(a Action) string {
	v := reflect.ValueOf(a)
	var fields []string
	for i := range v.NumField() {
		fields = append(fields, fmt.Sprint(v.Field(i)))
	}
	return strings.ToLower(v.Type().Name()) + " " + strings.Join(fields, ".")
}

// want checks what the machine has done since the last want.
func (s *script) want(want ...string) {
	s.t.Helper()
	for i, w := range want {
		want[i] = strings.TrimSpace(w)
	}
	for i := range s.log {
		s.log[i] = strings.TrimSpace(s.log[i])
	}
	if fmt.Sprint(s.log) != fmt.Sprint(want) {
		s.t.Fatalf("got  %q\nwant %q", s.log, want)
	}
	s.log = nil
}

// three starts children 1, 2 and 3 of the given types.
func (s *script) three(types ...Restart) {
	for i := range uint32(3) {
		s.in(Add{i + 1, types[int(i)%len(types)]})
		s.in(Ready{i + 1, 1})
	}
	s.log = nil
}

var lenient = Config{Intensity: 10, Period: time.Second}

func with(strategy Strategy) Config {
	c := lenient
	c.Strategy = strategy
	return c
}

// TestStartInOrder: one after another, each when the one before is ready. OTP:
// sup_start_normal.
func TestStartInOrder(t *testing.T) {
	s := newScript(t, lenient)
	s.in(Add{1, Permanent})
	s.in(Add{2, Permanent})
	s.want("spawn 1.1")
	s.in(Ready{1, 1})
	s.want("started 1", "spawn 2.1")
	s.in(Ready{2, 1})
	s.want("started 2")
}

// TestOneForOne: OTP: one_for_one.
func TestOneForOne(t *testing.T) {
	s := newScript(t, with(OneForOne))
	s.three(Permanent)
	s.in(Exited{2, 1, Abnormal})
	s.want("restarting 2", "spawn 2.2")
	s.in(Ready{2, 2})
	s.want()
}

// TestOneForAll: OTP: one_for_all.
func TestOneForAll(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.three(Permanent)
	s.in(Exited{2, 1, Abnormal})
	s.want("restarting 2", "stop 3.1")
	s.in(Exited{3, 1, ByRequest})
	s.want("stop 1.1")
	s.in(Exited{1, 1, ByRequest})
	s.want("spawn 1.2")
	s.in(Ready{1, 2})
	s.want("spawn 2.2")
	s.in(Ready{2, 2})
	s.want("spawn 3.2")
	s.in(Ready{3, 2})
	s.want()
}

// TestOneForAllOtherChildFails: those already restarted are stopped and the
// whole group is tried again. OTP: one_for_all_other_child_fails_restart.
func TestOneForAllOtherChildFails(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.three(Permanent)
	s.in(Exited{1, 1, Abnormal})
	s.in(Exited{3, 1, ByRequest})
	s.in(Exited{2, 1, ByRequest})
	s.in(Ready{1, 2})
	s.log = nil
	s.in(Exited{2, 2, Abnormal}) // its start fails
	s.want("postretry 2")
	s.in(Retry{2})
	s.want("stop 1.2")
	s.in(Exited{1, 2, ByRequest})
	s.want("spawn 1.3")
}

// TestRestForOne: OTP: rest_for_one.
func TestRestForOne(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.three(Permanent)
	s.in(Exited{2, 1, Abnormal})
	s.want("restarting 2", "stop 3.1")
	s.in(Exited{3, 1, ByRequest})
	s.want("spawn 2.2")
	s.in(Ready{2, 2})
	s.want("spawn 3.2")
}

// TestRestForOneOtherChildFails: the retry goes on from the child whose start
// failed. OTP: rest_for_one_other_child_fails_restart.
func TestRestForOneOtherChildFails(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.three(Permanent)
	s.in(Exited{1, 1, Abnormal})
	s.in(Exited{3, 1, ByRequest})
	s.in(Exited{2, 1, ByRequest})
	s.in(Ready{1, 2})
	s.log = nil
	s.in(Exited{2, 2, Abnormal})
	s.want("postretry 2")
	s.in(Retry{2})
	s.want("spawn 2.3")
	s.in(Ready{2, 3})
	s.want("spawn 3.2")
}

// TestTemporaryBystander: a temporary sibling that a group restart stops is not
// restarted and not counted. OTP: temporary_bystander.
func TestTemporaryBystander(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.three(Permanent, Temporary, Permanent)
	s.in(Exited{1, 1, Abnormal})
	s.want("restarting 1", "stop 3.1")
	s.in(Exited{3, 1, ByRequest})
	s.want("stop 2.1")
	s.in(Exited{2, 1, ByRequest})
	s.want("gone 2", "removed 2", "spawn 1.2")
}

// TestEscalation: one restart too many stops the rest in reverse order and
// ends. OTP: one_for_one_escalation.
func TestEscalation(t *testing.T) {
	s := newScript(t, Config{Intensity: 1, Period: time.Second})
	s.three(Permanent)
	s.in(Exited{1, 1, Abnormal})
	s.in(Ready{1, 2})
	s.log = nil
	s.in(Exited{1, 2, Abnormal})
	s.want("exceeded 1", "gone 1", "removed 1", "stop 3.1")
	s.in(Exited{3, 1, ByRequest})
	s.want("gone 3", "removed 3", "stop 2.1")
	s.in(Exited{2, 1, ByRequest})
	s.want("gone 2", "removed 2", "ended")
}

// TestGroupRestartCountsOnce: OTP: one_for_all_escalation.
func TestGroupRestartCountsOnce(t *testing.T) {
	c := with(OneForAll)
	c.Intensity = 1
	s := newScript(t, c)
	s.three(Permanent)
	s.in(Exited{2, 1, Abnormal})
	s.in(Exited{3, 1, Abnormal})
	s.in(Exited{1, 1, Abnormal})
	for i := range uint32(3) {
		s.in(Ready{i + 1, 2})
	}
	if strings.Contains(fmt.Sprint(s.log), "exceeded") {
		t.Fatal(s.log)
	}
}

// TestTransientNormal: OTP: transient_normal: the spec stays, not running.
func TestTransientNormal(t *testing.T) {
	s := newScript(t, lenient)
	s.three(Transient)
	s.in(Exited{2, 1, Normal})
	s.want("gone 2")
	if st, ok := s.m.State(2); !ok || st != Stopped {
		t.Fatal(st, ok)
	}
	s.in(RestartChild{2})
	s.want("spawn 2.2")
	s.in(Ready{2, 2})
	s.want("started 2")
}

// TestStartFails: OTP: sup_start_child_returns_error: the spec is discarded.
func TestStartFails(t *testing.T) {
	s := newScript(t, lenient)
	s.in(Add{1, Permanent})
	s.in(Add{2, Permanent})
	s.in(Exited{1, 1, Abnormal})
	s.want("spawn 1.1", "startfailed 1", "gone 1", "removed 1", "spawn 2.1")
}

// TestHangingRestartLoop: between two attempts the supervisor answers and can
// be shut down. OTP: hanging_restart_loop.
func TestHangingRestartLoop(t *testing.T) {
	s := newScript(t, lenient)
	s.three(Permanent)
	s.in(Exited{2, 1, Abnormal})
	s.in(Exited{2, 2, Abnormal})
	s.want("restarting 2", "spawn 2.2", "postretry 2")
	s.in(Terminate{2})
	s.want("gone 2")
	s.in(Retry{2})
	s.want()
	s.in(Shutdown{})
	s.want("gone 2", "removed 2", "stop 3.1")
}

// TestChildAdm: OTP: child_adm.
func TestChildAdm(t *testing.T) {
	s := newScript(t, lenient)
	s.three(Permanent)
	s.in(Delete{1})
	s.in(RestartChild{1})
	s.in(Terminate{9})
	for i, want := range []error{ErrRunning, ErrRunning, ErrNotFound} {
		if !strings.Contains(s.log[i], want.Error()) {
			t.Errorf("%d: %s", i, s.log[i])
		}
	}
	s.log = nil
	s.in(Terminate{1})
	s.want("stop 1.1")
	s.in(Exited{1, 1, ByRequest})
	s.want("gone 1")
	s.in(Delete{1})
	s.want("removed 1")
	s.in(Shutdown{})
	s.log = nil
	s.in(Add{7, Permanent})
	if !strings.Contains(s.log[0], ErrShuttingDown.Error()) || errors.Is(nil, ErrShuttingDown) {
		t.Error(s.log)
	}
}

// TestStopRace: a child that dies while it is being stopped. OTP:
// sup_stop_race.
func TestStopRace(t *testing.T) {
	s := newScript(t, lenient)
	s.three(Permanent)
	s.in(Shutdown{})
	s.in(Exited{1, 1, Abnormal}) // not its turn yet
	s.in(Exited{3, 1, Abnormal}) // crashed while stopping
	s.want("stop 3.1", "gone 3", "removed 3", "stop 2.1")
	s.in(Exited{2, 1, ByRequest})
	s.want("gone 2", "removed 2", "gone 1", "removed 1", "ended")
}
