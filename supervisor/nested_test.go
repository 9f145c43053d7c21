package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestNestedEscalation: a supervisor below that gives up is restarted by the
// rules of the one above; its listed children keep their mailboxes. OTP:
// one_for_one_escalation, count_children_supervisor, tree.
func TestNestedEscalation(t *testing.T) {
	workers := supervisor.Spec{Intensity: supervisor.NoRestarts, Children: []supervisor.Child{listed("a"), listed("b")}}
	holding := make(words, 16)
	workers.Children[1].Shutdown, workers.Children[1].Stderr = supervisor.BrutalKill, holding
	ctx, sup, r := newSup(t, supervisor.Spec{Children: []supervisor.Child{listed("first"), {Name: "workers", Supervisor: &workers}}})
	if got := sup.Count(); got != (supervisor.Counts{Specs: 2, Active: 2, Supervisors: 1, Workers: 1}) {
		t.Fatalf("%+v", got)
	}
	a, b := find(t, sup, "workers/a"), find(t, sup, "workers/b")
	held, release := context.WithCancel(ctx)
	given := make(chan error)
	go func() { // b will not get to what follows, its successor will
		_, err := actor.Ask(held, b, Hold{})
		given <- err
	}()
	<-holding
	for i := range 5 {
		if err := actor.Tell(ctx, b, Mark{Seq: i}); err != nil {
			t.Fatal(err)
		}
	}
	release()
	if err := <-given; !errors.Is(err, context.Canceled) { // only now nobody handles it again
		t.Fatal(err)
	}
	tell(t, ctx, a, "exit 3")
	l, err := actor.Ask(ctx, b, Log{})
	if err != nil || fmt.Sprint(l.Lines) != "[0 1 2 3 4]" {
		t.Fatalf("%q, %v; what was given up was handled again %d times", l.Lines, err, len(holding))
	}
	if m := who(t, ctx, a); m.Incarnation != 2 {
		t.Fatalf("%+v", m)
	}
	if got, want := r.kinds(supervisor.EventIntensity, supervisor.EventRestarting, supervisor.EventGone), []string{"intensity workers/a", "restarting workers"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	if m := who(t, ctx, find(t, sup, "first")); m.Incarnation != 1 {
		t.Fatalf("%+v", m)
	}
}

// TestNestedTransient: too many restarts end a supervisor with reason shutdown,
// so that a transient one is not restarted. Its children are gone then.
func TestNestedTransient(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	sub, err := sup.StartSupervisor(ctx, supervisor.Spec{Intensity: supervisor.NoRestarts, Children: []supervisor.Child{listed("a"), listed("b")}},
		supervisor.Child{Name: "workers", Restart: supervisor.Transient})
	if err != nil {
		t.Fatal(err)
	}
	extra := startNode(t, ctx, sub, supervisor.Child{Name: "extra"})
	b := find(t, sub, "b")
	who(t, ctx, b)
	tell(t, ctx, find(t, sub, "a"), "panic")
	for _, ref := range []actor.Ref[Node]{b, extra} {
		gone := new(actor.GoneError)
		r.until(t, ctx, "gone", func() bool {
			_, err := actor.Ask(ctx, ref, Who{})
			return errors.As(err, &gone)
		})
	}
	r.until(t, ctx, "the supervisor is stopped", func() bool { return stateOf(sup, "workers") == "stopped" })
	if n := len(r.kinds(supervisor.EventRestarting)); n != 0 {
		t.Fatalf("%d restarts", n)
	}
	if err := sup.Err(); err != nil { // it is not this one that gave up
		t.Error(err)
	}
	var life []supervisor.EventKind
	for _, e := range r.all() {
		if e.ID != sub.ID() {
			continue
		}
		if life = append(life, e.Kind); e.Kind == supervisor.EventExited {
			x := e.Exit
			if x == nil || x.Kind != actor.ExitNormal || x.Code != 0 || x.Asked || x.Reason != actor.ReasonShutdown ||
				!strings.HasPrefix(x.Summary, "shutdown: supervisor workers gave up: workers/a died") {
				t.Errorf("%+v", x)
			}
		}
	}
	if want := []supervisor.EventKind{supervisor.EventStarting, supervisor.EventReady, supervisor.EventExited, supervisor.EventGone}; !slices.Equal(life, want) {
		t.Errorf("%q, want %q", life, want)
	}
	if _, err := supervisor.Start(ctx, sub, node); !errors.Is(err, supervisor.ErrNotRunning) {
		t.Fatal(err)
	}
	if err := sup.Restart(ctx, sub.ID()); err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, b); m.Incarnation != 2 {
		t.Fatalf("%+v", m)
	}
	if n := sub.Count(); n.Specs != 2 {
		t.Fatalf("%+v: the child that was added is there again", n)
	}
}

// TestNestedOrder: a tree stops from right to left, depth first. OTP:
// order_of_children, sup_stop_infinity.
func TestNestedOrder(t *testing.T) {
	inner := supervisor.Spec{Children: []supervisor.Child{listed("b1"), listed("b2")}}
	_, sup, r := newSup(t, supervisor.Spec{Children: []supervisor.Child{listed("a"), {Name: "b", Supervisor: &inner}, listed("c")}})
	sup.Shutdown()
	want := []string{"stopping c", "exited c", "stopping b", "stopping b/b2", "exited b/b2", "stopping b/b1", "exited b/b1", "exited b", "stopping a", "exited a"}
	if got := r.kinds(supervisor.EventStopping, supervisor.EventExited); !slices.Equal(got, want) {
		t.Fatalf("%q\nwant %q", got, want)
	}
}

// TestNestedStartFails: the error of the child below comes out above.
func TestNestedStartFails(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	bad := listed("bad")
	bad.Env = []string{"NODE_SETUP=fail"}
	_, err := sup.StartSupervisor(ctx, supervisor.Spec{Children: []supervisor.Child{listed("a"), bad}}, supervisor.Child{Name: "sub"})
	se := new(supervisor.StartError)
	if !errors.As(err, &se) || se.Child != "sub" || !errors.As(se.Err, &se) || se.Child != "sub/bad" {
		t.Fatal(err)
	}
	if len(sup.Children()) != 0 {
		t.Fatal(sup.Children())
	}
}

// TestNestedKilledOnce: a child that its supervisor's kill has killed is neither asked to
// end nor killed again while its death takes longer than those of its younger siblings.
func TestNestedKilledOnce(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	held := shell("setsid sleep 0.3 & exec sleep 1000", supervisor.Command{}) // the death counts when its stderr ends
	sub, err := sup.StartSupervisor(ctx, supervisor.Spec{Children: []supervisor.Child{{Name: "held", Command: &held}, listed("a")}},
		supervisor.Child{Name: "sub", Shutdown: supervisor.BrutalKill})
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, sub.ID()); err != nil {
		t.Fatal(err)
	}
	var of []supervisor.EventKind
	for _, e := range r.all() {
		if e.Child == "sub/held" {
			of = append(of, e.Kind)
		}
	}
	if want := []supervisor.EventKind{supervisor.EventStarting, supervisor.EventReady, supervisor.EventKilled, supervisor.EventExited, supervisor.EventShutdownError, supervisor.EventGone}; !slices.Equal(of, want) {
		t.Errorf("%q, want %q", of, want)
	}
}

// TestNestedBrutalKill: nobody below is asked.
func TestNestedBrutalKill(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	slow := listed("slow")
	slow.Env = []string{"NODE_SLOW_STOP=1"}
	slow.Shutdown = supervisor.Infinity
	deep := supervisor.Child{Name: "deep", Supervisor: &supervisor.Spec{Children: []supervisor.Child{slow}}}
	sub, err := sup.StartSupervisor(ctx, supervisor.Spec{Children: []supervisor.Child{slow, deep, slow2(slow)}}, supervisor.Child{Name: "sub", Shutdown: supervisor.BrutalKill})
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, sub.ID()); err != nil {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventKilled); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"killed sub/deep/slow", "killed sub/slow", "killed sub/slow2"}) {
		t.Errorf("%q", got)
	}
	n := 0
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited {
			if n++; e.Exit.Reason != actor.ReasonKilled && e.Exit.Summary != "killed" || !e.Exit.Asked {
				t.Errorf("%s: %+v", e.Child, e.Exit)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d ends are told, want 5", n)
	}
}

func slow2(c supervisor.Child) supervisor.Child { c.Name = "slow2"; return c }
