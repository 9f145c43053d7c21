package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// pairOfNodes is a supervisor with two nodes.
var pairOfNodes = supervisor.Define("pair", func() (supervisor.Spec, error) {
	return supervisor.Spec{Intensity: 100, Children: []supervisor.Child{listed("a"), listed("b")}}, nil
})

func startPair(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, c supervisor.Child) (sub *supervisor.Supervisor, a, b actor.Ref[Node]) {
	t.Helper()
	sub, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, c)
	if err != nil {
		t.Fatal(err)
	}
	return sub, find(t, sub, "a"), find(t, sub, "b")
}

// pidOf is the process of a child of sup. While that is restarted it has none, and is
// waited for: a signal to process 0 would be one to all of this test's.
func pidOf(t testing.TB, sup *supervisor.Supervisor, name string) int {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < testutil.HangGuard; runtime.Gosched() {
		all := sup.Children()
		i := slices.IndexFunc(all, func(c supervisor.ChildInfo) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("no child %s", name)
		}
		if all[i].PID != 0 {
			return all[i].PID
		}
	}
	t.Fatalf("child %s has no process", name)
	return 0
}

// TestSubtree: a supervisor in a process of its own has children that are its
// own processes; they are reached from the root and from each other.
func TestSubtree(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, a, b := startPair(t, ctx, sup, supervisor.Child{})
	middle := pidOf(t, sup, "pair")
	for _, ref := range []actor.Ref[Node]{a, b} {
		if m := who(t, ctx, ref); m.Incarnation != 1 || parentOf(m.PID) != middle {
			t.Errorf("%+v; want a child of %d", m, middle)
		}
	}
	m, err := actor.Ask(ctx, a, Relay{To: b})
	if err != nil || m != who(t, ctx, b) {
		t.Errorf("a asked b: %+v, %v", m, err)
	}
	if found, err := actor.Lookup[Node](ctx, "pair/b"); err != nil || found != b {
		t.Errorf("%+v, %v", found, err)
	}
	list := sub.Children()
	if len(list) != 2 || list[0].Name != "pair/a" || list[1].Name != "pair/b" || list[0].PID != who(t, ctx, a).PID || list[0].State != "running" {
		t.Errorf("%+v", list)
	}
	if n := sub.Count(); n.Active != 2 || n.Workers != 2 {
		t.Errorf("%+v", n)
	}
}

// TestSubtreeChildDies: the supervisor in its own process restarts its child by
// its own rules; the message that was waiting is handled.
func TestSubtreeChildDies(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, a, b := startPair(t, ctx, sup, supervisor.Child{})
	before := who(t, ctx, b)
	ch, _, err := actor.Monitor(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, a, Die{How: "panic"}); err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, a, Mark{Seq: 7}); err != nil {
		t.Fatal(err)
	}
	if d := wait(t, ctx, ch); d.Exit.Summary != "panic: node was told to" {
		t.Errorf("%+v", d.Exit)
	}
	if m := who(t, ctx, a); m.Incarnation != 2 {
		t.Errorf("%+v", m)
	}
	if e, err := actor.Ask(ctx, a, Log{}); err != nil || !slices.Equal(e.Lines, []string{"7"}) {
		t.Errorf("%q, %v", e.Lines, err)
	}
	if after := who(t, ctx, b); after != before {
		t.Errorf("%+v, was %+v", after, before)
	}
	want := []string{"exited pair/a", "child_terminated pair/a", "restarting pair/a"}
	if got := r.kinds(supervisor.EventExited, supervisor.EventChildTerminated, supervisor.EventRestarting); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestKillSubtree: after SIGKILL of a supervisor's process all below it is gone
// before its replacement starts; that has the same children, and what was
// waiting for them is handled, in order.
func TestKillSubtree(t *testing.T) { killSubtree(t) }

func killSubtree(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
	sub, a, b := startPair(t, ctx, sup, supervisor.Child{})
	was := []int{who(t, ctx, a).PID, who(t, ctx, b).PID}
	middle := pidOf(t, sup, "pair")
	ch, _, err := actor.Monitor(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(was[0], syscall.SIGSTOP); err != nil { // so that messages wait
		t.Fatal(err)
	}
	r.mu.Lock()
	r.look = func(e supervisor.Event) { // while the root's loop waits
		if e.Kind == supervisor.EventStarting && e.Child == "pair" && slices.ContainsFunc(was, alive) {
			t.Errorf("some of %v are alive when the replacement is started", was)
		}
	}
	r.mu.Unlock()
	n := 2 * unread(100)
	for i := range n {
		if i == n/2 {
			if err := syscall.Kill(middle, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if d := wait(t, ctx, ch); d.Exit.Reason != "killed" || !d.Exit.Asked {
				t.Errorf("%+v", d.Exit)
			}
		}
		if err := actor.Tell(ctx, a, Mark{Seq: i}); err != nil {
			t.Fatal(err)
		}
	}
	e, err := actor.Ask(ctx, a, Log{})
	if err != nil {
		t.Fatal(err)
	}
	// What the first incarnation has handled is gone with its memory; the rest
	// is there without a gap.
	if len(e.Lines) == 0 || e.Lines[len(e.Lines)-1] != fmt.Sprint(n-1) {
		t.Fatalf("%q", e.Lines)
	}
	for i, line := range e.Lines {
		if line != fmt.Sprint(n-len(e.Lines)+i) {
			t.Fatalf("%d is %s of %q", i, line, e.Lines)
		}
	}
	if m := who(t, ctx, b); m.Incarnation != 2 || m.PID == was[1] {
		t.Errorf("%+v", m)
	}
	for _, pid := range was {
		if alive(pid) {
			t.Errorf("%d is alive", pid)
		}
	}
	if got := find(t, sub, "a"); got != a {
		t.Errorf("%+v", got)
	}
	beforeReplacement(t, r, "pair", "pair/a", "pair/b")
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// beforeReplacement checks that the first incarnation of some children had ended
// when the second one of their supervisor was started.
func beforeReplacement(t testing.TB, r *recorder, sup string, children ...string) {
	t.Helper()
	for _, e := range r.all() {
		if e.Child == sup && e.Kind == supervisor.EventStarting && e.Incarnation == 2 {
			break
		}
		if i := slices.Index(children, e.Child); i >= 0 && e.Kind == supervisor.EventExited {
			children = slices.Delete(children, i, i+1)
		}
	}
	if len(children) > 0 {
		t.Errorf("%q had not ended when the replacement of %s was started", children, sup)
	}
}

// TestLostWithSubtree: of what was below a supervisor's process that was killed is
// known how it ended, and so of a child that was killed alone.
func TestLostWithSubtree(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, a, b := startPair(t, ctx, sup, supervisor.Child{Restart: supervisor.Temporary})
	check := func(what string, ref actor.Ref[Node], summary string, end func() error) {
		t.Helper()
		pid := who(t, ctx, ref).PID
		down, _, err := actor.Monitor(ctx, ref)
		if err == nil {
			err = end()
		}
		if err != nil {
			t.Fatal(err)
		}
		if x := wait(t, ctx, down).Exit; x.PID != pid || x.Kind != actor.ExitSignal || x.Code != -1 || x.Signal != syscall.SIGKILL || !x.Asked || x.Runtime <= 0 || x.Summary != summary {
			t.Errorf("%s: %+v, its process was %d", what, x, pid)
		}
	}
	check("killed", a, "killed by SIGKILL", func() error { return sup.Kill(a.ID) })
	for who(t, ctx, a).Incarnation == 1 {
	}
	check("lost", b, "killed, because its supervisor's process has ended", func() error { return syscall.Kill(pidOf(t, sup, "pair"), syscall.SIGKILL) })
	r.until(t, ctx, "its end for good", func() bool { return slices.Contains(r.kinds(supervisor.EventGone), "gone pair") })
}

// TestSubtreeOrder: children stop in reverse order, over levels.
func TestSubtreeOrder(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	startNode(t, ctx, sup, supervisor.Child{Name: "first"})
	startPair(t, ctx, sup, supervisor.Child{})
	startNode(t, ctx, sup, supervisor.Child{Name: "last"})
	sup.Shutdown()
	want := []string{"exited last", "exited pair/b", "exited pair/a", "exited pair", "exited first"}
	if got := r.kinds(supervisor.EventExited); !slices.Equal(got, want) {
		t.Fatalf("%q\nwant %q", got, want)
	}
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited && e.Exit.Reason != "shutdown" {
			t.Errorf("%v: %+v", e, e.Exit)
		}
	}
}

// TestSubtreeInPlace: the same definition in the process of the supervisor above.
func TestSubtreeInPlace(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, a, b := startPair(t, ctx, sup, supervisor.Child{InPlace: true})
	m, err := actor.Ask(ctx, a, Relay{To: b})
	if err != nil || m != who(t, ctx, b) || parentOf(m.PID) != syscall.Getpid() {
		t.Errorf("%+v, %v", m, err)
	}
	if n := sub.Count(); n.Active != 2 {
		t.Errorf("%+v", n)
	}
}

// TestSubtreeCommands: children of a supervisor in its own process are started,
// killed, terminated, restarted and deleted from the root, with the errors that
// those of a supervisor in the root have.
func TestSubtreeCommands(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, a, _ := startPair(t, ctx, sup, supervisor.Child{})
	c, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "c", Restart: supervisor.Transient})
	if err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, c); parentOf(m.PID) != pidOf(t, sup, "pair") {
		t.Errorf("%+v", m)
	}
	_, err = supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "a"})
	if p := new(supervisor.PresentError); !errors.As(err, &p) || p.ID != a.ID || !p.Started {
		t.Errorf("%v", err)
	}
	_, err = supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "d", Env: []string{"NODE_SETUP=fail"}})
	if s := new(supervisor.StartError); !errors.As(err, &s) || s.Child != "pair/d" || s.Text != "no socket to sit on" {
		t.Errorf("%v", err)
	}
	if err := sup.Kill(a.ID); err != nil {
		t.Error(err)
	}
	if m := who(t, ctx, a); m.Incarnation != 2 {
		t.Errorf("%+v", m)
	}
	if err := sub.Restart(ctx, c.ID); !errors.Is(err, supervisor.ErrRunning) {
		t.Errorf("%v", err)
	}
	if err := sub.Terminate(ctx, c.ID); err != nil {
		t.Error(err)
	}
	if err := sub.Restart(ctx, c.ID); err != nil {
		t.Error(err)
	}
	if m := who(t, ctx, c); m.Incarnation != 2 {
		t.Errorf("%+v", m)
	}
	if err := errors.Join(sub.Terminate(ctx, c.ID), sub.Delete(ctx, c.ID)); err != nil {
		t.Error(err)
	}
	inner, err := supervisor.StartSubtree(ctx, sub, pairOfNodes, supervisor.Child{Name: "inner"})
	if err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, find(t, inner, "a")); parentOf(m.PID) != pidOf(t, sub, "pair/inner") || parentOf(parentOf(m.PID)) != pidOf(t, sup, "pair") {
		t.Errorf("%+v", m)
	}
	for what, c := range map[string]supervisor.Child{"Stderr": {Name: "e", Stderr: io.Discard}, "bytes": {Name: "e", Env: []string{"A=" + strings.Repeat("x", 50<<10)}}} {
		if _, err := supervisor.StartChild(ctx, sub, node, c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := sub.Delete(ctx, c.ID); !errors.Is(err, supervisor.ErrNotFound) {
		t.Errorf("%v", err)
	}
}
