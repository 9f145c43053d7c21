package supervisor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// listed is a child of a Spec.
func listed(name string) supervisor.Child {
	return supervisor.Child{Name: name, Actor: node, Stderr: io.Discard}
}

func tell(t testing.TB, ctx context.Context, ref actor.Ref[Node], how string) {
	t.Helper()
	if err := actor.Tell(ctx, ref, Die{How: how}); err != nil {
		t.Fatal(err)
	}
}

func find(t testing.TB, sup *supervisor.Supervisor, path string) actor.Ref[Node] {
	t.Helper()
	ref, err := supervisor.Find(sup, node, path)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func stateOf(sup *supervisor.Supervisor, name string) string {
	for _, c := range sup.Children() {
		if c.Name == name {
			return c.State
		}
	}
	return ""
}

// TestRefusalsSayWhatToDo: a second start under one name, the end of what runs, and the
// child of another supervisor.
func TestRefusalsSayWhatToDo(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Name: "a"})
	below, err := sup.StartSupervisor(ctx, supervisor.Spec{}, supervisor.Child{Name: "below"})
	if err != nil {
		t.Fatal(err)
	}
	other := startNode(t, ctx, below, supervisor.Child{Name: "b"})
	_, again := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "a"})
	for _, c := range []struct {
		what string
		err  error
		is   error
		says string
	}{
		{"a second start", again, nil, "Child.Name"},
		{"Delete of what runs", sup.Delete(ctx, ref.ID), supervisor.ErrRunning, "Terminate"},
		{"Terminate of another's child", sup.Terminate(ctx, other.ID), supervisor.ErrNotFound, "child below/b: no such child of this supervisor: Below"},
		{"Terminate of nobody", sup.Terminate(ctx, 99), supervisor.ErrNotFound, "child 99: no such child"},
	} {
		if c.err == nil || c.is != nil && !errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, c.err)
		}
	}
}

// TestChildAdm: start, duplicate, terminate, restart, delete. OTP: child_adm,
// count_children, which_children.
func TestChildAdm(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Name: "a"})
	var present *supervisor.PresentError
	if _, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "a"}); !errors.As(err, &present) || !present.Started || present.ID != ref.ID {
		t.Fatal(err)
	}
	if err := sup.Restart(ctx, ref.ID); !errors.Is(err, supervisor.ErrRunning) {
		t.Fatal(err)
	}
	if err := sup.Delete(ctx, ref.ID); !errors.Is(err, supervisor.ErrRunning) {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	if got := sup.Count(); got != (supervisor.Counts{Specs: 1, Workers: 1}) {
		t.Fatalf("%+v", got)
	}
	if _, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "a"}); !errors.As(err, &present) || present.Started {
		t.Fatal(err)
	}
	gone := new(actor.GoneError)
	if _, err := actor.Ask(ctx, ref, Who{}); !errors.As(err, &gone) {
		t.Fatal(err)
	}
	if err := sup.Restart(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, ref); m.Incarnation != 2 {
		t.Fatalf("%+v", m)
	}
	if got := sup.Count(); got != (supervisor.Counts{Specs: 1, Active: 1, Workers: 1}) {
		t.Fatalf("%+v", got)
	}
	if err := errors.Join(sup.Terminate(ctx, ref.ID), sup.Delete(ctx, ref.ID)); err != nil {
		t.Fatal(err)
	}
	if err := sup.Delete(ctx, ref.ID); !errors.Is(err, supervisor.ErrNotFound) {
		t.Fatal(err)
	}
	who(t, ctx, startNode(t, ctx, sup, supervisor.Child{Name: "a"}))
}

// TestRestartIsSeenByOthers: a process that was told that an actor is gone can
// send to it again after Restart.
func TestRestartIsSeenByOthers(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	a := startNode(t, ctx, sup, supervisor.Child{Name: "a"})
	b := startNode(t, ctx, sup, supervisor.Child{Name: "b"})
	pass := func() error {
		_, err := actor.Ask(ctx, b, Relay{To: a})
		return err
	}
	for range 3 {
		if err := pass(); err != nil {
			t.Fatal(err)
		}
		if err := sup.Terminate(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
		if pass() == nil {
			t.Fatal("what was terminated answered")
		}
		if err := sup.Restart(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSupStart: the children of a Spec start in order, and all or none. OTP:
// sup_start_normal, sup_start_fail.
func TestSupStart(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Children: []supervisor.Child{listed("a"), listed("b")}})
	if got, want := r.kinds(supervisor.EventStarting, supervisor.EventReady), []string{"starting a", "ready a", "starting b", "ready b"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	who(t, ctx, find(t, sup, "b"))
	sup.Shutdown()

	bad := listed("bad")
	bad.Env = []string{"NODE_SETUP=fail"}
	r = &recorder{}
	_, err := supervisor.New(ctx, supervisor.Spec{OnEvent: r.add, Log: quiet, Children: []supervisor.Child{listed("a"), listed("b"), bad, listed("c")}})
	if se := new(supervisor.StartError); !errors.As(err, &se) || se.Child != "bad" || !strings.Contains(err.Error(), "no socket to sit on") {
		t.Fatal(err)
	}
	if got, want := r.kinds(supervisor.EventStartError, supervisor.EventStopping, supervisor.EventEnded), []string{"start_error bad", "stopping b", "stopping a", "ended"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

// TestStartOfAnotherProgram: a child that does something else instead of its role,
// since its main does not call Run, does not start, and the error says what to do.
// One that has ended in its own Setup is not blamed for that alone.
func TestStartOfAnotherProgram(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	_, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Env: []string{rootVar + "=-1"}})
	if se := new(supervisor.StartError); !errors.As(err, &se) || se.Exit.Kind != actor.ExitNormal || !strings.Contains(err.Error(), "call supervisor.Run first thing in main") {
		t.Fatal(err)
	}
	_, err = supervisor.StartChild(ctx, sup, node, supervisor.Child{Env: []string{"NODE_SETUP=fail"}, Stderr: io.Discard})
	if err == nil || strings.Contains(err.Error(), "supervisor.Run") {
		t.Fatal(err)
	}
}

// TestSetupErrorIsLoggedOnce: the crash report does not repeat it, but has what else
// the process has written. An error of two lines is on one line in the facts of the death.
func TestSetupErrorIsLoggedOnce(t *testing.T) {
	for setup, repeats := range map[string]int{"fail": 1, "fail twice": 1, "fail loudly": 2} {
		var text bytes.Buffer
		ctx, sup, _ := newSup(t, supervisor.Spec{Log: slog.New(slog.NewTextHandler(&text, nil))})
		_, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Env: []string{"NODE_SETUP=" + setup}, Stderr: io.Discard})
		if se := new(supervisor.StartError); !errors.As(err, &se) || strings.Contains(se.Exit.Summary, "\n") {
			t.Fatalf("%s: %v", setup, err)
		}
		sup.Shutdown()
		if got := strings.Count(text.String(), "no socket to sit on"); got != repeats || strings.Contains(text.String(), "loud and clear") != (repeats > 1) {
			t.Errorf("%s: %d times, want %d:\n%s", setup, got, repeats, &text)
		}
	}
}

// TestSimpleOneForOne: any number of children of one template, which stop all
// at once. OTP: simple_one_for_one, simple_one_for_one_extra,
// simple_one_for_one_shutdown, child_adm_simple.
func TestSimpleOneForOne(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	slow := listed("w")
	slow.Env, slow.Shutdown = []string{"NODE_SLOW_STOP=1"}, 50*time.Millisecond
	pool, err := sup.StartSupervisor(ctx, supervisor.Spec{Strategy: supervisor.SimpleOneForOne, Children: []supervisor.Child{slow}}, supervisor.Child{Name: "pool"})
	if err != nil {
		t.Fatal(err)
	}
	var refs []actor.Ref[Node]
	for range 4 {
		ref, err := supervisor.Start(ctx, pool, node)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
		who(t, ctx, ref)
	}
	bad := supervisor.Child{Env: []string{"NODE_SETUP=fail"}}
	if _, err := supervisor.StartChild(ctx, pool, node, bad); err == nil {
		t.Fatal("the extra environment did not arrive")
	}
	if _, err := supervisor.StartChild(ctx, pool, node, supervisor.Child{Restart: supervisor.Temporary}); err == nil {
		t.Fatal("a child that is not of the template was accepted")
	}
	if err := pool.Delete(ctx, refs[0].ID); !errors.Is(err, supervisor.ErrSimple) {
		t.Fatal(err)
	}
	for range 2 { // the second one finds that it has ended
		if err := pool.Terminate(ctx, refs[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := pool.Delete(ctx, refs[0].ID); !errors.Is(err, supervisor.ErrSimple) {
		t.Fatal(err)
	}
	if n := pool.Count(); n != (supervisor.Counts{Specs: 1, Active: 3, Workers: 3}) {
		t.Fatalf("%+v", n)
	}
	tell(t, ctx, refs[1], "panic")
	r.until(t, ctx, "the restart", func() bool { return who(t, ctx, refs[1]).Incarnation == 2 })
	pool.Shutdown()
	// All are asked before the first one ends.
	got := r.kinds(supervisor.EventStopping, supervisor.EventKilled, supervisor.EventExited)
	asked := 0
	for _, k := range got[slices.Index(got, "stopping pool")+1:] {
		if strings.HasPrefix(k, "exited") && asked < 3 {
			t.Fatal(got)
		}
		if strings.HasPrefix(k, "stopping") {
			asked++
		}
	}
}

// TestSignificant: OTP: significant_transient, significant_escalation.
func TestSignificant(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	main := listed("main")
	main.Restart, main.Significant = supervisor.Transient, true
	sub, err := sup.StartSupervisor(ctx, supervisor.Spec{AutoShutdown: supervisor.AnySignificant, Children: []supervisor.Child{listed("helper"), main}},
		supervisor.Child{Name: "job", Restart: supervisor.Temporary})
	if err != nil {
		t.Fatal(err)
	}
	ref := find(t, sub, "main")
	tell(t, ctx, ref, "exit 3") // abnormal: it is restarted
	r.until(t, ctx, "the restart", func() bool { return who(t, ctx, ref).Incarnation == 2 })
	tell(t, ctx, ref, "stop")
	r.until(t, ctx, "the end of the job", func() bool { return len(sup.Children()) == 0 })
	if got, want := r.kinds(supervisor.EventAuto, supervisor.EventStopping), []string{"auto job/main", "stopping job/helper"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

// TestBackoffState: a delayed restart can be seen, and taken back.
func TestBackoffState(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 5, Period: time.Hour})
	slow := supervisor.Child{Name: "slow", Backoff: supervisor.Backoff{Min: 100 * time.Second}}
	ref := startNode(t, ctx, sup, slow)
	quick := startNode(t, ctx, sup, supervisor.Child{Name: "quick", Backoff: supervisor.Backoff{Min: time.Millisecond, Jitter: 0.5}})
	tell(t, ctx, ref, "exit 3")
	tell(t, ctx, quick, "exit 3")
	if m := who(t, ctx, quick); m.Incarnation != 2 {
		t.Fatalf("%+v", m)
	}
	r.until(t, ctx, "backoff", func() bool { return stateOf(sup, "slow") == "backoff" })
	if c := sup.Children()[0]; time.Until(c.Until) < time.Second {
		t.Fatalf("%+v", c)
	}
	if err := sup.Restart(ctx, ref.ID); !errors.Is(err, supervisor.ErrRestarting) {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventBackoff); len(got) != 2 || stateOf(sup, "slow") != "stopped" {
		t.Fatal(got, stateOf(sup, "slow"))
	}
	endless := supervisor.Child{Name: "endless", Backoff: supervisor.Backoff{Min: time.Hour}}
	if _, err := supervisor.StartChild(ctx, sup, node, endless); err == nil || !strings.Contains(err.Error(), "could never be exceeded") {
		t.Fatal(err)
	}
}

// TestIgnore: OTP: sup_start_ignore_child.
func TestIgnore(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "i", Env: []string{"NODE_SETUP=ignore"}})
	if !errors.Is(err, supervisor.ErrIgnored) {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventIgnored); len(got) != 1 {
		t.Fatal(got)
	}
	if stateOf(sup, "i") != "stopped" || len(r.kinds(supervisor.EventStartError)) != 0 {
		t.Fatal(sup.Children(), r.kinds(supervisor.EventStartError))
	}
}

// TestReports: OTP: child_terminated, shutdown_error; faulty_application_shutdown.
func TestReports(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	good := startNode(t, ctx, sup, supervisor.Child{Name: "good"})
	bad := startNode(t, ctx, sup, supervisor.Child{Name: "bad", Env: []string{"NODE_BAD_STOP=1"}})
	tell(t, ctx, good, "exit 3")
	r.until(t, ctx, "the restart", func() bool { return who(t, ctx, good).Incarnation == 2 })
	for _, ref := range []actor.Ref[Node]{good, bad} {
		if err := sup.Terminate(ctx, ref.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := r.kinds(supervisor.EventChildTerminated, supervisor.EventShutdownError), []string{"child_terminated good", "shutdown_error bad"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

// TestValidateTree: every problem of a whole tree is listed at once.
func TestValidateTree(t *testing.T) {
	inner := supervisor.Spec{Strategy: supervisor.SimpleOneForOne, AutoShutdown: supervisor.AnySignificant, Log: quiet}
	significant := listed("s")
	significant.Significant = true
	err := supervisor.Spec{Strategy: 77, Period: -1, Children: []supervisor.Child{
		listed("x"), listed("x"), {Name: "none"}, listed("a/b"), significant, {Name: "sub", Supervisor: &inner, Memory: 1 << 30},
		{Name: "odd", Actor: node, Restart: 77, Backoff: supervisor.Backoff{Min: -1}},
	}}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"Strategy 77", "Restart 77", "Backoff.Min -1", "Period -1", `Children[1] "x"`, "Actor, a Command, a Supervisor or a Subtree", "slash", "permanent child cannot be significant", "AutoShutdown is Never",
		"the template", "no significant children", "whole program", "no process of its own"} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("%q is not once in\n%v", want, err)
		}
	}
}

// TestValidateChild: what is wrong with a child in any supervisor, its own Validate
// lists.
func TestValidateChild(t *testing.T) {
	c := listed("c")
	c.Significant, c.Backoff.Factor = true, 0.5
	err := c.Validate()
	for _, want := range []string{"permanent child cannot be significant", "Backoff.Min 0s", "Backoff.Factor 0.5"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	c.Restart, c.Backoff = supervisor.Temporary, supervisor.Backoff{Min: time.Hour, Max: time.Hour} // which supervisor it suits, it does not know
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestChildUnlink: a child that closes its control link cannot hang the
// supervisor. OTP: child_unlink.
func TestChildUnlink(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Name: "naughty", Shutdown: 20 * time.Millisecond})
	tell(t, ctx, ref, "unlink")
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventKilled, supervisor.EventExited); !slices.Equal(got, []string{"killed naughty", "exited naughty"}) && !slices.Equal(got, []string{"exited naughty"}) {
		t.Fatal(got)
	}
}

// TestEscalation: a group restart counts once, the next one is one too many,
// and what is left stops in reverse order. OTP: one_for_all_escalation,
// rest_for_one_escalation.
func TestEscalation(t *testing.T) {
	for _, tt := range []struct {
		strategy supervisor.Strategy
		want     []string // stops because of the first death of b, and of the second
	}{
		{supervisor.OneForAll, []string{"stopping c", "stopping a", "stopping c", "stopping a"}},
		{supervisor.RestForOne, []string{"stopping c", "stopping c", "stopping a"}},
	} {
		t.Run(tt.strategy.String(), func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Strategy: tt.strategy, Period: time.Hour, Children: []supervisor.Child{listed("a"), listed("b"), listed("c")}})
			b := find(t, sup, "b")
			tell(t, ctx, b, "exit 3")
			starts := 5 // of b and c again
			if tt.strategy == supervisor.OneForAll {
				starts++
			}
			r.until(t, ctx, "the group is ready", func() bool { return len(r.kinds(supervisor.EventReady)) == starts })
			tell(t, ctx, b, "exit 3")
			select {
			case <-sup.Done():
			case <-ctx.Done():
				t.Fatal("the supervisor did not give up")
			}
			if e := new(supervisor.IntensityError); !errors.As(sup.Err(), &e) || e.Child != "b" || e.Exit.Code != 3 {
				t.Fatal(sup.Err())
			}
			if got := r.kinds(supervisor.EventStopping); !slices.Equal(got, tt.want) {
				t.Fatalf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestTemporaryBystander: OTP: temporary_bystander.
func TestTemporaryBystander(t *testing.T) {
	by := listed("by")
	by.Restart = supervisor.Temporary
	ctx, sup, r := newSup(t, supervisor.Spec{Strategy: supervisor.OneForAll, Children: []supervisor.Child{listed("a"), by}})
	ref := find(t, sup, "by")
	tell(t, ctx, find(t, sup, "a"), "panic")
	r.until(t, ctx, "a is ready again", func() bool { return len(r.kinds(supervisor.EventReady)) == 3 })
	gone := new(actor.GoneError)
	if _, err := actor.Ask(ctx, ref, Who{}); !errors.As(err, &gone) {
		t.Fatal(err)
	}
	if n := sup.Count(); n != (supervisor.Counts{Specs: 1, Active: 1, Workers: 1}) {
		t.Fatalf("%+v", n)
	}
}
