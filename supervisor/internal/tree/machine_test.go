package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// script drives a machine and writes down what it does.
type script struct {
	t    *testing.T
	m    *Machine
	now  time.Duration
	log  []string
	call uint64
}

func newScript(t *testing.T, c Config) *script { return &script{t: t, m: New(c)} }

func (s *script) in(in Input) {
	for _, a := range s.m.Handle(s.now, in) {
		s.log = append(s.log, text(a))
	}
}

func text(a Action) string {
	switch a := a.(type) {
	case Spawn:
		return fmt.Sprintf("spawn %d.%d", a.ID, a.Incarnation)
	case Stop:
		return fmt.Sprintf("stop %d.%d", a.ID, a.Incarnation)
	case StopAll:
		return fmt.Sprint("stopall ", len(a.Children))
	case Answer:
		if a.Err != nil {
			return fmt.Sprintf("answer %d: %v", a.ID, a.Err)
		}
		return fmt.Sprintf("answer %d", a.ID)
	case Report:
		return fmt.Sprintf("%v %d", a.Kind, a.ID)
	case Gone:
		return fmt.Sprintf("gone %d", a.ID)
	case BackingOff:
		return fmt.Sprintf("backoff %d %v", a.ID, a.Until)
	}
	return strings.TrimSuffix(strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T %v", a, a), "tree.")), " {}")
}

// want checks what the machine has done since the last want.
func (s *script) want(want ...string) {
	s.t.Helper()
	for i := range s.log {
		s.log[i] = strings.NewReplacer("{", "", "}", "").Replace(s.log[i])
	}
	if !slices.Equal(s.log, want) {
		s.t.Fatalf("got  %q\nwant %q", s.log, want)
	}
	s.log = nil
}

// state checks where a child stands; "" means that it is not there.
func (s *script) state(id uint32, want string) {
	s.t.Helper()
	i, ok := s.m.Child(id)
	if got := i.State.String(); ok != (want != "") || ok && got != want {
		s.t.Fatalf("child %d is %q (%v), want %q", id, got, ok, want)
	}
}

func (s *script) nextCall() uint64 { s.call++; return s.call }

// add is start_child with a name that is the number.
func (s *script) add(id uint32, spec ChildSpec) {
	if spec.Name == "" {
		spec.Name = fmt.Sprint(id)
	}
	s.in(Add{Call: s.nextCall(), ID: id, Spec: spec})
}

func (s *script) terminate(id uint32) { s.in(Terminate{Call: s.nextCall(), ID: id}) }
func (s *script) again(id uint32)     { s.in(RestartChild{s.nextCall(), id}) }
func (s *script) delete(id uint32)    { s.in(Delete{s.nextCall(), id}) }

// up starts children 1, 2, ... of the given types.
func (s *script) up(types ...Restart) {
	s.t.Helper()
	for i, r := range types {
		s.upSpec(uint32(i+1), ChildSpec{Restart: r})
	}
}

func (s *script) upSpec(id uint32, spec ChildSpec) {
	s.t.Helper()
	s.add(id, spec)
	s.in(Ready{id, 1})
	s.want(fmt.Sprintf("spawn %d.1", id), fmt.Sprintf("answer %d", id))
}

// dies lets the current incarnation of a child end.
func (s *script) dies(id uint32, r Reason) {
	i, _ := s.m.Child(id)
	s.in(Exited{id, i.Incarnation, r})
}

// ready lets the current incarnation of a child become ready.
func (s *script) ready(id uint32) {
	i, _ := s.m.Child(id)
	s.in(Ready{id, i.Incarnation})
}

// stops lets the children end one after another, each when it is asked to.
func (s *script) stops(ids ...uint32) {
	for _, id := range ids {
		s.dies(id, ByRequest)
	}
}

var lenient = Config{Intensity: 10, Period: time.Second}

func with(strategy Strategy) Config {
	c := lenient
	c.Strategy = strategy
	return c
}

func strict(strategy Strategy) Config {
	return Config{Strategy: strategy, Intensity: 1, Period: time.Second}
}

var permanent3 = []Restart{Permanent, Permanent, Permanent}

func TestOneForOne(t *testing.T) {
	s := newScript(t, with(OneForOne))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "restarting 2", "spawn 2.2")
	s.ready(2)
	s.want()
}

func TestOneForAll(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "restarting 2", "stop 3.1")
	s.dies(3, ByRequest)
	s.want("stop 1.1")
	s.dies(1, ByRequest)
	s.want("spawn 1.2")
	s.ready(1)
	s.want("spawn 2.2")
	s.ready(2)
	s.want("spawn 3.2")
	s.ready(3)
	s.want()
}

// TestOneForAllOtherChildFailsRestart: those already restarted are stopped and
// the whole group is tried again.
func TestOneForAllOtherChildFailsRestart(t *testing.T) {
	s := newScript(t, with(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.stops(3, 2)
	s.ready(1)
	s.log = nil
	s.dies(2, Abnormal) // its start fails
	s.want("start_error 2", "postretry 2")
	s.state(1, "running")
	s.state(2, "restarting")
	s.in(Retry{2})
	s.want("restarting 2", "stop 1.2")
	s.dies(1, ByRequest)
	s.want("spawn 1.3")
}

func TestRestForOne(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "restarting 2", "stop 3.1")
	s.dies(3, ByRequest)
	s.want("spawn 2.2")
	s.ready(2)
	s.want("spawn 3.2")
	s.ready(3)
	s.want()
	s.state(1, "running")
}

// TestRestForOneOtherChildFailsRestart: the retry goes on from the child whose
// start failed; those restarted before it stay.
func TestRestForOneOtherChildFailsRestart(t *testing.T) {
	s := newScript(t, with(RestForOne))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.stops(3, 2)
	s.ready(1)
	s.log = nil
	s.dies(2, Abnormal)
	s.want("start_error 2", "postretry 2")
	s.state(3, "waiting")
	s.in(Retry{2})
	s.want("restarting 2", "spawn 2.3")
	s.ready(2)
	s.want("spawn 3.2")
}

// TestTemporaryBystander: a temporary sibling that a group restart stops is not
// restarted, not counted, and forgotten.
func TestTemporaryBystander(t *testing.T) {
	for _, strategy := range []Strategy{OneForAll, RestForOne} {
		s := newScript(t, strict(strategy))
		s.up(Permanent, Temporary, Permanent)
		s.dies(1, Abnormal)
		s.want("child_terminated 1", "restarting 1", "stop 3.1")
		s.dies(3, ByRequest)
		s.want("stop 2.1")
		s.dies(2, ByRequest)
		s.want("gone 2", "removed 2", "spawn 1.2")
		s.ready(1)
		s.want("spawn 3.2")
		s.state(2, "")
	}
}

func TestOneForOneEscalation(t *testing.T) {
	s := newScript(t, strict(OneForOne))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.ready(1)
	s.log = nil
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "exceeded 1", "gone 1", "removed 1", "stop 3.1")
	s.dies(3, ByRequest)
	s.want("gone 3", "removed 3", "stop 2.1")
	s.dies(2, ByRequest)
	s.want("gone 2", "removed 2", "ended")
}

func TestOneForAllEscalation(t *testing.T) {
	s := newScript(t, strict(OneForAll))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.stops(3, 2)
	for id := range uint32(3) {
		s.ready(id + 1)
	}
	s.log = nil
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "exceeded 1", "gone 1", "removed 1", "stop 3.2")
	s.stops(3, 2)
	s.want("gone 3", "removed 3", "stop 2.2", "gone 2", "removed 2", "ended")
}

func TestRestForOneEscalation(t *testing.T) {
	s := newScript(t, strict(RestForOne))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.stops(3)
	s.ready(2)
	s.ready(3)
	s.log = nil
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "exceeded 2", "gone 2", "removed 2", "stop 3.2")
	s.stops(3, 1)
	s.want("gone 3", "removed 3", "stop 1.1", "gone 1", "removed 1", "ended")
}

func TestSimpleOneForOneEscalation(t *testing.T) {
	s := newScript(t, strict(SimpleOneForOne))
	s.up(permanent3...)
	s.dies(1, Abnormal)
	s.ready(1)
	s.log = nil
	s.dies(2, Abnormal)
	s.want("child_terminated 2", "exceeded 2", "gone 2", "removed 2", "stopall 2")
	s.stops(1, 3)
	s.want("gone 1", "removed 1", "gone 3", "removed 3", "ended")
}

// TestMultipleRestarts: intensity 1 in a second, restarts 2.1 s apart.
func TestMultipleRestarts(t *testing.T) {
	s := newScript(t, strict(OneForOne))
	s.up(Permanent)
	for range 5 {
		s.now += 2100 * time.Millisecond
		s.dies(1, Abnormal)
		s.ready(1)
	}
	if strings.Contains(fmt.Sprint(s.log), "exceeded") {
		t.Fatal(s.log)
	}
}

// TestGroupRestartCountsOnce: three deaths, one restart.
func TestGroupRestartCountsOnce(t *testing.T) {
	s := newScript(t, strict(OneForAll))
	s.up(permanent3...)
	s.dies(2, Abnormal)
	s.dies(3, Abnormal)
	s.dies(1, Abnormal)
	for i := range uint32(3) {
		s.ready(i + 1)
	}
	if strings.Contains(fmt.Sprint(s.log), "exceeded") {
		t.Fatal(s.log)
	}
	s.state(3, "running")
}

// TestIntensityZero: the first failure is one too many.
func TestIntensityZero(t *testing.T) {
	s := newScript(t, Config{Period: time.Second})
	s.up(Permanent)
	s.dies(1, Abnormal)
	s.want("child_terminated 1", "exceeded 1", "gone 1", "removed 1", "ended")
}

// TestRestartTypeByReason is the whole table of section 3.
func TestRestartTypeByReason(t *testing.T) {
	const (
		again    = "child_terminated 1, restarting 1, spawn 1.2"
		stays    = "gone 1"
		goes     = "gone 1, removed 1"
		reported = "child_terminated 1, gone 1, removed 1"
	)
	for _, tt := range []struct {
		otp     string
		restart Restart
		reason  Reason
		want    string
	}{
		{"permanent_normal", Permanent, Normal, again}, {"permanent_shutdown", Permanent, ByRequest, again},
		{"permanent_shutdown", Permanent, ShutdownWith, again}, {"permanent_abnormal", Permanent, Abnormal, again},
		{"permanent_abnormal", Permanent, Killed, again},
		{"transient_normal", Transient, Normal, stays}, {"transient_shutdown", Transient, ByRequest, stays},
		{"transient_shutdown", Transient, ShutdownWith, stays}, {"transient_abnormal", Transient, Abnormal, again},
		{"transient_abnormal", Transient, Killed, again},
		{"temporary_normal", Temporary, Normal, goes}, {"temporary_shutdown", Temporary, ByRequest, goes},
		{"temporary_shutdown", Temporary, ShutdownWith, goes}, {"temporary_abnormal", Temporary, Abnormal, reported},
		{"temporary_abnormal", Temporary, Killed, reported},
	} {
		t.Run(fmt.Sprint(tt.otp, " ", tt.reason), func(t *testing.T) {
			s := newScript(t, lenient)
			s.up(tt.restart)
			s.dies(1, tt.reason)
			s.want(strings.Split(tt.want, ", ")...)
		})
	}
}

// TestTransientNormal: the spec stays, not running, and can be restarted by
// hand.
func TestTransientNormal(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Transient)
	s.dies(1, Normal)
	s.want("gone 1")
	s.state(1, "stopped")
	s.again(1)
	s.want("spawn 1.2")
	s.ready(1)
	s.want("answer 1")
}

// TestDoNotSaveTemporary: nothing is left of a temporary child.
func TestDoNotSaveTemporary(t *testing.T) {
	s := newScript(t, lenient)
	s.up(Temporary)
	s.dies(1, Abnormal)
	s.log = nil
	if len(s.m.byID)+len(s.m.byName)+s.m.order.n != 0 {
		t.Fatalf("%+v", s.m)
	}
	s.again(1)
	s.want("answer 1: no such child")
}
