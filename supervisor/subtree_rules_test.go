package supervisor_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// treeVar says what the supervisor "tree" is to be.
const treeVar = "SUPERVISOR_TEST_TREE"

// variable is a supervisor that is what its environment says.
var variable = supervisor.Define("tree", func() (spec supervisor.Spec, err error) {
	spec = supervisor.Spec{Intensity: 100}
	quick := supervisor.Child{Name: "a", Actor: node, Stderr: io.Discard}
	switch os.Getenv(treeVar) {
	case "impatient":
		spec.Intensity, spec.Period = 1, time.Minute
		spec.Children = []supervisor.Child{quick, listed("b")}
	case "error":
		return spec, errors.New("nothing to supervise")
	case "ignore":
		return spec, actor.ErrIgnore
	case "bad":
		spec.Intensity = -7
	case "child fails":
		quick.Env = []string{"NODE_SETUP=fail"}
		spec.Children = []supervisor.Child{listed("b"), quick}
	case "slow":
		quick.Env = []string{"NODE_SLOW_STOP=1"}
		quick.Shutdown = supervisor.Infinity
		spec.Children = []supervisor.Child{quick}
	case "significant":
		quick.Restart, quick.Significant = supervisor.Transient, true
		spec.AutoShutdown, spec.Children = supervisor.AnySignificant, []supervisor.Child{quick, listed("b")}
	case "watchdog":
		quick.Watchdog = 300 * time.Millisecond
		spec.Children = []supervisor.Child{quick}
	case "group":
		spec.Strategy, spec.Children = supervisor.OneForAll, []supervisor.Child{quick, listed("b")}
	case "in time": // so much for its start, and for being stopped
		quick.Start, _ = time.ParseDuration(os.Getenv("SUPERVISOR_TEST_TIME"))
		quick.MaxStopped, quick.Env = quick.Start, []string{"NODE_SETUP=wait"}
		spec.Children = []supervisor.Child{quick}
	case "once":
		if os.Getenv("SUPERVISOR_TEST_RESTART") != "permanent" {
			quick.Restart = supervisor.Temporary
		}
		spec.Children = []supervisor.Child{quick, listed("b")}
	case "waits": // before it is started again
		quick.Env = []string{"NODE_SETUP=wait again"}
		spec.Children = []supervisor.Child{quick, listed("b")}
	case "changes": // a is an actor on the first start only, and then another program
		other := quick
		other.Name, other.Env = "b", []string{"NODE_SETUP=wait again"}
		if os.Remove(os.Getenv("SUPERVISOR_TEST_FILE")) != nil {
			quick = supervisor.Child{Name: "a", Command: &supervisor.Command{Path: "sleep", Args: []string{"1000"}, PassEnv: []string{"PATH"}}}
		}
		spec.Children = []supervisor.Child{quick, other}
	case "deep":
		spec.Children = []supervisor.Child{listed("a"), {Subtree: pairOfNodes},
			{Name: "here", Supervisor: &supervisor.Spec{Intensity: 100, Children: []supervisor.Child{listed("c")}}}}
	case "in place":
		quick.InPlace, quick.Stderr = true, nil
		spec.Children = []supervisor.Child{quick}
	case "command":
		spec.Children = []supervisor.Child{{Name: "a", Command: &supervisor.Command{Path: "sleep", Args: []string{"1000"}, PassEnv: []string{"PATH"}}}}
	case "simple":
		spec.Strategy, spec.Children = supervisor.SimpleOneForOne, []supervisor.Child{quick}
	case "fewer": // a on the first start only
		spec.Children = []supervisor.Child{listed("b")}
		if name := os.Getenv("SUPERVISOR_TEST_FILE"); os.Remove(name) == nil {
			spec.Children = append(spec.Children, quick)
		}
	}
	return spec, nil
})

func tree(what string) supervisor.Child {
	return supervisor.Child{Stderr: io.Discard, Env: []string{treeVar + "=" + what}}
}

// TestSubtreeEscalation: a supervisor in a process of its own that gives up ends
// in order, for the reason shutdown. OTP: one_for_one_escalation.
func TestSubtreeEscalation(t *testing.T) {
	for _, restart := range []supervisor.Restart{supervisor.Permanent, supervisor.Transient} {
		t.Run(restart.String(), func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 5})
			c := tree("impatient")
			c.Restart = restart
			sub, err := supervisor.StartSubtree(ctx, sup, variable, c)
			if err != nil {
				t.Fatal(err)
			}
			a := find(t, sub, "a")
			for range 2 {
				tell(t, ctx, a, "exit 3")
			}
			done := supervisor.EventReady
			if restart == supervisor.Transient {
				done = supervisor.EventGone
			}
			r.until(t, ctx, "the end of the tree", func() bool {
				return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool {
					return e.Child == "tree" && e.Kind == done && (e.Incarnation == 2 || done == supervisor.EventGone)
				})
			})
			var exit *actor.Exit
			for _, e := range r.all() {
				if e.Child == "tree" && e.Kind == supervisor.EventExited {
					exit = e.Exit
				}
			}
			if exit == nil || exit.Code != 0 || exit.Reason != "shutdown" || !strings.Contains(exit.Summary, "more than 1 restarts") {
				t.Errorf("%+v", exit)
			}
			if got := r.kinds(supervisor.EventIntensity); !slices.Equal(got, []string{"intensity tree/a"}) {
				t.Errorf("%q", got)
			}
			_, err = actor.Ask(ctx, a, Who{})
			if g := new(actor.GoneError); (restart == supervisor.Transient) != errors.As(err, &g) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestSubtreeStartFails: what went wrong in the process is in the error.
func TestSubtreeStartFails(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	for what, text := range map[string]string{"error": "nothing to supervise", "bad": "Intensity -7", "child fails": "child tree/a did not start: no socket to sit on"} {
		_, err := supervisor.StartSubtree(ctx, sup, variable, tree(what))
		if s := new(supervisor.StartError); !errors.As(err, &s) || s.Child != "tree" || !strings.Contains(s.Text, text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := supervisor.StartSubtree(ctx, sup, variable, tree("ignore")); !errors.Is(err, supervisor.ErrIgnored) {
		t.Errorf("%v", err)
	}
	if err := sup.Delete(ctx, sup.Children()[0].ID); err != nil {
		t.Errorf("%v", err)
	}
	_, err := supervisor.StartSubtree(ctx, sup, variable, supervisor.Child{InPlace: true})
	if err != nil {
		t.Errorf("%v", err)
	}
	for what, text := range map[string]string{"error": "nothing to supervise", "bad": "Intensity -7"} { // in this process
		t.Setenv(treeVar, what)
		_, err := supervisor.StartSubtree(ctx, sup, variable, supervisor.Child{Name: "here", InPlace: true})
		if s := new(supervisor.StartError); !errors.As(err, &s) || s.Child != "here" || !strings.Contains(s.Text, text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	t.Setenv(treeVar, "ignore")
	if _, err := supervisor.StartSubtree(ctx, sup, variable, supervisor.Child{Name: "here", InPlace: true}); !errors.Is(err, supervisor.ErrIgnored) || stateOf(sup, "here") != "stopped" {
		t.Errorf("%v, %s", err, stateOf(sup, "here"))
	}
}

// TestSubtreeInPlaceStartFails: the events are those of a supervisor in its own process,
// also below one that has its own process.
func TestSubtreeInPlaceStartFails(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	for what, more := range map[string]supervisor.EventKind{"error": supervisor.EventStartError, "ignore": supervisor.EventIgnored} {
		c := tree(what)
		c.Name = what
		away, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, supervisor.Child{Name: "in " + what, Env: c.Env, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(treeVar, what)
		for _, start := range []func() error{
			func() error { _, err := supervisor.StartSubtree(ctx, sup, variable, c); return err },
			func() error {
				_, err := supervisor.StartSubtree(ctx, sup, variable, supervisor.Child{Name: what + " here", InPlace: true})
				return err
			},
			func() error {
				_, err := supervisor.StartSubtree(ctx, away, variable, supervisor.Child{Name: "here", InPlace: true})
				return err
			},
		} {
			if start() == nil {
				t.Error("started")
			}
		}
		for _, name := range []string{what, what + " here", "in " + what + "/here"} {
			var got []supervisor.EventKind
			r.until(t, ctx, name+" is gone", func() bool {
				got = nil
				for _, e := range r.all() {
					if e.Child == name {
						got = append(got, e.Kind)
					}
				}
				return slices.Contains(got, supervisor.EventGone)
			})
			want := []supervisor.EventKind{supervisor.EventStarting, supervisor.EventExited, more, supervisor.EventGone}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

// TestSubtreeShutdownTimeout: a supervisor's process that does not end in its time
// is killed, and all below it.
func TestSubtreeShutdownTimeout(t *testing.T) {
	for _, limit := range []time.Duration{50 * time.Millisecond, supervisor.BrutalKill} {
		ctx, sup, r := newSup(t, supervisor.Spec{})
		c := tree("slow")
		c.Shutdown = limit
		sub, err := supervisor.StartSubtree(ctx, sup, variable, c)
		if err != nil {
			t.Fatal(err)
		}
		pid := who(t, ctx, find(t, sub, "a")).PID
		sup.Shutdown()
		if alive(pid) {
			t.Errorf("%v: %d is alive", limit, pid)
		}
		if got := r.kinds(supervisor.EventKilled, supervisor.EventExited); !slices.Equal(got, []string{"killed tree", "exited tree/a", "exited tree"}) {
			t.Errorf("%v: %q", limit, got)
		}
	}
}

// TestSubtreeTerminated: SIGTERM to a supervisor's process ends it in order; for
// the rules above it has ended by request.
func TestSubtreeTerminated(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 5})
	_, a, _ := startPair(t, ctx, sup, supervisor.Child{})
	if err := syscall.Kill(pidOf(t, sup, "pair"), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for who(t, ctx, a).Incarnation == 1 {
	}
	want := []string{"stopping pair/b", "exited pair/b", "stopping pair/a", "exited pair/a", "exited pair"}
	if got := r.kinds(supervisor.EventStopping, supervisor.EventKilled, supervisor.EventExited); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, e := range r.all() {
		if x := e.Exit; e.Kind == supervisor.EventExited && (x.Kind != actor.ExitNormal || x.Reason != actor.ReasonShutdown) {
			t.Errorf("%s: %+v", e.Child, x)
		}
	}
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// TestSubtreeSignificant: the end of a significant child ends the supervisor's
// process in order.
func TestSubtreeSignificant(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	c := tree("significant")
	c.Restart = supervisor.Transient
	sub, err := supervisor.StartSubtree(ctx, sup, variable, c)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, ctx, find(t, sub, "a"), "stop")
	r.until(t, ctx, "the end of the tree", func() bool { return slices.Contains(r.kinds(supervisor.EventGone), "gone tree") })
	if got := r.kinds(supervisor.EventAuto, supervisor.EventRestarting); !slices.Equal(got, []string{"auto tree/a"}) {
		t.Errorf("%q", got)
	}
}

// TestSubtreeDeep: a supervisor's process below another one, and a supervisor in
// it. Each level is killed; all come back under their Refs.
func TestSubtreeDeep(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
	if _, err := supervisor.StartSubtree(ctx, sup, variable, tree("deep")); err != nil {
		t.Fatal(err)
	}
	paths := []string{"tree/a", "tree/pair/a", "tree/pair/b", "tree/here/c"}
	var refs []actor.Ref[Node]
	for _, p := range paths {
		refs = append(refs, find(t, sup, p))
	}
	middle, err := sup.Below("tree")
	if err != nil {
		t.Fatal(err)
	}
	inner := pidOf(t, middle, "tree/pair")
	if parentOf(inner) != pidOf(t, sup, "tree") || parentOf(who(t, ctx, refs[1]).PID) != inner || parentOf(who(t, ctx, refs[3]).PID) != pidOf(t, sup, "tree") {
		t.Error("the processes hang elsewhere")
	}
	check := func(what string, want ...int) {
		t.Helper()
		for i, ref := range refs {
			for m := who(t, ctx, ref); m.Incarnation < want[i]; m = who(t, ctx, ref) {
			}
			if m := who(t, ctx, ref); m.Incarnation != want[i] {
				t.Errorf("%s: %s is %+v, want incarnation %d", what, paths[i], m, want[i])
			}
		}
	}
	here, err := sup.Below("tree/here")
	if err != nil {
		t.Fatal(err)
	}
	if n := here.Count(); n.Active != 1 {
		t.Errorf("%+v", n)
	}
	before := who(t, ctx, refs[1]).PID
	if err := syscall.Kill(inner, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	check("the inner one was killed", 1, 2, 2, 1)
	if alive(before) {
		t.Errorf("%d is alive", before)
	}
	beforeReplacement(t, r, "tree/pair", "tree/pair/a", "tree/pair/b")
	if err := syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	check("the outer one was killed", 2, 3, 3, 2)
	beforeReplacement(t, r, "tree", "tree/a", "tree/pair", "tree/here/c")
	here.Shutdown()
	_, err = actor.Ask(ctx, refs[3], Who{})
	if g := new(actor.GoneError); !errors.As(err, &g) {
		t.Errorf("%v", err)
	}
}

// TestSubtreeAdded: children that were added are gone with their supervisor's
// process, as in OTP, and what was unread becomes dead letters; so does that of a
// listed one that is not listed any more.
func TestSubtreeAdded(t *testing.T) {
	file := t.TempDir() + "/first"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	c := tree("fewer")
	c.Env = append(c.Env, "SUPERVISOR_TEST_FILE="+file)
	sub, err := supervisor.StartSubtree(ctx, sup, variable, c)
	if err != nil {
		t.Fatal(err)
	}
	a, b := find(t, sub, "a"), find(t, sub, "b")
	added, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "added"})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []actor.Ref[Node]{a, added} {
		if err := syscall.Kill(who(t, ctx, ref).PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := actor.Tell(ctx, ref, Mark{Seq: i}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for who(t, ctx, b).Incarnation == 1 {
	}
	for _, ref := range []actor.Ref[Node]{a, added} {
		_, err := actor.Ask(ctx, ref, Who{})
		if g := new(actor.GoneError); !errors.As(err, &g) {
			t.Errorf("%v", err)
		}
	}
	if _, err := supervisor.Find(sub, node, "a"); !errors.Is(err, supervisor.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestSubtreeLinks: links and monitors join actors of different supervisors'
// processes, and of a supervisor's own process.
func TestSubtreeLinks(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	_, a, b := startPair(t, ctx, sup, supervisor.Child{})
	out := startNode(t, ctx, sup, supervisor.Child{Name: "out", Env: []string{"NODE_TRAP=1"}})
	if _, err := actor.Ask(ctx, a, Join{Other: b}); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, out, Join{Other: b}); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, out, Watch{Other: a}); err != nil {
		t.Fatal(err)
	}
	tell(t, ctx, b, "exit shutdown: trouble")
	for who(t, ctx, a).Incarnation == 1 || who(t, ctx, b).Incarnation == 1 {
	}
	for {
		e, err := actor.Ask(ctx, out, Log{})
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Lines) < 2 {
			continue
		}
		want := []string{fmt.Sprintf("linked %d: shutdown: trouble", b.ID), fmt.Sprintf("down %d: linked with pair/b, which has ended: exit status 0", a.ID)}
		if !slices.Equal(e.Lines, want) {
			t.Errorf("%q", e.Lines)
		}
		break
	}
}

// TestSubtreeWatchdog: an actor that hangs below a supervisor's process is seen by
// the root, which has its mailbox, and killed by its supervisor.
func TestSubtreeWatchdog(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("watchdog"))
	if err != nil {
		t.Fatal(err)
	}
	a := find(t, sub, "a")
	_, err = actor.Ask(ctx, a, Hold{})
	if d := new(actor.DeathError); !errors.As(err, &d) || !strings.HasPrefix(d.Exit.Summary, "watchdog: ") || !strings.Contains(d.Exit.Stack, "goroutine") {
		t.Errorf("%v", err)
	}
	if got := r.kinds(supervisor.EventHung); !slices.Equal(got, []string{"hung tree/a"}) {
		t.Errorf("%q", got)
	}
}

// TestSubtreeOthers: actors in place and commands below a supervisor's process.
func TestSubtreeOthers(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
	sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("in place"))
	if err != nil {
		t.Fatal(err)
	}
	a := find(t, sub, "a")
	if m := who(t, ctx, a); m.PID != pidOf(t, sup, "tree") {
		t.Errorf("%+v", m)
	}
	if err := sup.Kill(a.ID); err != nil {
		t.Error(err)
	}
	for who(t, ctx, a).Incarnation == 1 {
	}
	c := tree("command")
	c.Name = "commands"
	if sub, err = supervisor.StartSubtree(ctx, sup, variable, c); err != nil {
		t.Fatal(err)
	}
	pid := sub.Children()[0].PID
	if err := sup.Kill(sub.Children()[0].ID); err != nil {
		t.Error(err)
	}
	r.until(t, ctx, "a new sleep", func() bool {
		l := sub.Children()
		return l[0].State == "running" && l[0].PID != pid
	})
	if alive(pid) {
		t.Errorf("%d is alive", pid)
	}
}

// TestTerminatedBeforeItsTurn: a child of a Spec that is terminated while its supervisor
// starts keeps its number, and can be started when that is done.
func TestTerminatedBeforeItsTurn(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_PIPE", fifo)
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 5})
	sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("waits"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := find(t, sub, "a"), find(t, sub, "b")
	_ = syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL)
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // a reads it in its Setup
	if err != nil {
		t.Fatal(err)
	}
	err = sub.Terminate(ctx, b.ID)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, a, Who{}); err != nil {
		t.Fatal(err)
	}
	if err := sub.Restart(ctx, b.ID); err != nil {
		t.Fatal(err)
	}
	theSame(t, ctx, sub, a, b)
}

// TestOtherKindOfChild: a child that its supervisor no longer lists has ended for good,
// even if something else has its name and that supervisor dies once more before it runs.
func TestOtherKindOfChild(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "first")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_PIPE", fifo)
	t.Setenv("SUPERVISOR_TEST_FILE", file)
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 5})
	sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("changes"))
	if err != nil {
		t.Fatal(err)
	}
	a := find(t, sub, "a")
	_ = syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL)
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // b reads it in its Setup
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL)
	w.Close()
	if _, err := actor.Ask(ctx, a, Who{}); !errors.As(err, new(*actor.GoneError)) {
		t.Errorf("the actor that was listed once: %v", err)
	}
}
