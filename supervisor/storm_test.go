package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
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

// ownCPU is what this process alone has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU logs the part of one processor that this process has used since begin.
// How much that is depends on the machine: it is reported, not judged.
func reportCPU(t *testing.T, what string, begin time.Time, cpu time.Duration) {
	t.Helper()
	used, took := ownCPU()-cpu, time.Since(begin)
	part := 100 * float64(used) / float64(took)
	t.Logf("%s: the supervisor used %v of %v: %.1f %% of a processor, %.1f %% of this machine", what, used.Round(100*time.Microsecond),
		took.Round(time.Millisecond), part, part/float64(runtime.NumCPU()))
}

// TestCrashLoop: a child that dies as soon as it runs is restarted until that is
// too often; with a Backoff it may go on, and costs next to nothing.
func TestCrashLoop(t *testing.T) {
	t.Run("too often", func(t *testing.T) {
		_, sup, r := newSup(t, supervisor.Spec{Intensity: 5, Period: time.Hour})
		begin, cpu := time.Now(), ownCPU()
		_, err := supervisor.StartCommand(sup.Context(t.Context()), sup, supervisor.Command{Path: "false", PassEnv: []string{"PATH"}}, supervisor.Child{Name: "false"})
		if err != nil {
			t.Fatal(err)
		}
		<-sup.Done()
		reportCPU(t, "6 deaths of a command", begin, cpu)
		if e := new(supervisor.IntensityError); !errors.As(sup.Err(), &e) || e.Child != "false" {
			t.Error(sup.Err())
		}
		if got := len(r.kinds(supervisor.EventExited)); got != 6 {
			t.Errorf("%d deaths, want 6", got)
		}
	})
	t.Run("never ready again", func(t *testing.T) {
		limit := testutil.Rounds(5, 100) // 5: no more than a Pace makes at once
		ctx, sup, r := newSup(t, supervisor.Spec{Intensity: limit, Period: time.Hour})
		ref := startNode(t, ctx, sup, supervisor.Child{Env: []string{"NODE_SETUP=exit again"}})
		begin, cpu := time.Now(), ownCPU()
		tell(t, ctx, ref, "exit 3")
		<-sup.Done()
		reportCPU(t, fmt.Sprint(limit, " starts that fail, one after another"), begin, cpu)
		if got := len(r.kinds(supervisor.EventStartError)); got != limit {
			t.Errorf("%d starts failed, want %d", got, limit)
		}
	})
	t.Run("backoff", func(t *testing.T) {
		ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 1000, Period: time.Hour})
		deaths := testutil.Rounds(5, 50)
		begin, cpu := time.Now(), ownCPU()
		_, err := supervisor.StartCommand(ctx, sup, supervisor.Command{Path: "false", PassEnv: []string{"PATH"}},
			supervisor.Child{Name: "false", Backoff: supervisor.Backoff{Min: 100 * time.Millisecond, Max: 100 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		r.until(t, ctx, "so many deaths", func() bool { return len(r.kinds(supervisor.EventExited)) >= deaths })
		reportCPU(t, fmt.Sprint(deaths, " deaths of a command, with a backoff of 100 ms"), begin, cpu)
		if got := len(r.kinds(supervisor.EventBackoff)); got < deaths-1 {
			t.Errorf("%d pauses after %d deaths", got, deaths)
		}
	})
}

// killAll kills all children of sup.
func killAll(t *testing.T, sup *supervisor.Supervisor) {
	t.Helper()
	for _, c := range sup.Children() {
		if c.PID == 0 { // that would be this process and all others of its group
			t.Fatalf("%s has no process", c.Name)
		}
		if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// TestForkBomb: 50 children that exit at once are all there again, or the
// supervisor gives up, as its limit says. They are in the process of the root, and
// in one of a supervisor.
func TestForkBomb(t *testing.T) {
	testutil.Threads(t, 256)
	n := max(testutil.Rounds(8, 50), 8) // half of it is an intensity
	storm := func(t *testing.T, spec supervisor.Spec, setup string) (ctx context.Context, sup *supervisor.Supervisor, r *recorder, refs []actor.Ref[Node]) {
		spec.Period = time.Hour
		ctx, sup, r = newSup(t, spec)
		for i := range n {
			refs = append(refs, startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), Stderr: io.Discard, Env: []string{"NODE_SETUP=" + setup}}))
		}
		return ctx, sup, r, refs
	}
	back := func(t *testing.T, pace supervisor.Pace) {
		ctx, sup, r, refs := storm(t, supervisor.Spec{Intensity: n, Pace: pace}, "")
		begin, cpu := time.Now(), ownCPU()
		killAll(t, sup)
		r.until(t, ctx, "all of them", func() bool { return len(r.kinds(supervisor.EventReady)) == 2*n })
		reportCPU(t, fmt.Sprint(n, " children exit at once, and come back"), begin, cpu)
		if sup.Restarts() != uint64(n) || len(r.kinds(supervisor.EventExited)) != n {
			t.Errorf("%d restarts, %q", sup.Restarts(), r.kinds(supervisor.EventExited))
		}
		waited := len(r.kinds(supervisor.EventBackoff))
		if pace.Every == supervisor.Unpaced && waited > 0 || waited > n-min(n, 8) {
			t.Errorf("%d of %d restarts have waited", waited, n)
		}
		for _, ref := range refs {
			if m, err := actor.Ask(ctx, ref, Who{}); err != nil || m.Incarnation != 2 {
				t.Errorf("%+v, %v", m, err)
			}
		}
	}
	t.Run("all come back", func(t *testing.T) { back(t, supervisor.Pace{}) })
	t.Run("all come back unpaced", func(t *testing.T) { back(t, supervisor.Pace{Every: supervisor.Unpaced}) })
	t.Run("again and again", func(t *testing.T) {
		ctx, sup, r, _ := storm(t, supervisor.Spec{Intensity: 1000}, "exit again")
		starts := testutil.Rounds(4, 100)
		begin, cpu := time.Now(), ownCPU()
		killAll(t, sup)
		r.until(t, ctx, "so many starts", func() bool { return len(r.kinds(supervisor.EventStartError)) >= starts })
		reportCPU(t, fmt.Sprintf("%d children exit at once, and so does whoever comes in their place, %d times", n, starts), begin, cpu)
	})
	t.Run("too many", func(t *testing.T) {
		_, sup, r, _ := storm(t, supervisor.Spec{Intensity: n / 2}, "")
		killAll(t, sup)
		<-sup.Done()
		if e := new(supervisor.IntensityError); !errors.As(sup.Err(), &e) {
			t.Error(sup.Err())
		}
		if got := len(r.kinds(supervisor.EventRestarting)); got != n/2 {
			t.Errorf("%d restarts, want %d", got, n/2)
		}
	})
	t.Run("below a process of its own", func(t *testing.T) {
		ctx, sup, r := newSup(t, supervisor.Spec{})
		t.Setenv(widthsVar, fmt.Sprint(0, 0, n))
		sub, err := supervisor.StartSubtree(ctx, sup, twig, supervisor.Child{Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		begin, cpu := time.Now(), ownCPU()
		killAll(t, sub)
		r.until(t, ctx, "all of them", func() bool { return len(r.kinds(supervisor.EventReady)) == 2*n+1 })
		reportCPU(t, fmt.Sprint(n, " children of a supervisor's process die at once: the root"), begin, cpu)
		if got := sub.Count(); got.Active != n {
			t.Errorf("%+v", got)
		}
	})
}

// TestTermAtEveryStep: SIGTERM to the root at every step of the start of a tree
// of three levels: it ends with 143, what had been started has ended in reverse
// order, and nothing is left.
func TestTermAtEveryStep(t *testing.T) {
	testutil.Audit(t)
	t.Setenv(widthsVar, "2 1 2")
	last := 2 * (processesOf([3]int{2, 1, 2}) - 1)
	steps := []int{1, 2 + rand.IntN(last-2), last}
	if testutil.Rounds(0, 1) == 1 {
		steps = steps[:0]
		for i := range last {
			steps = append(steps, i+1)
		}
	}
	for _, step := range steps {
		r := startRoot(t, "tree")
		var ready, exited []string
		var cpu string
		n := 0
		for r.out.Scan() {
			kind, name, _ := strings.Cut(r.out.Text(), " ")
			switch kind {
			case "starting", "ready":
				if n++; n == step {
					if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
				if kind == "ready" && strings.Count(name, "/") == 2 {
					ready = append(ready, name)
				}
			case "exited":
				if i := slices.Index(ready, name); i >= 0 {
					exited = append(exited, name)
				}
			case "cpu":
				cpu = name
			case "restarting":
				t.Errorf("step %d: %s", step, r.out.Text())
			}
		}
		err := r.cmd.Wait()
		if e := new(exec.ExitError); !errors.As(err, &e) || e.ExitCode() != 143 {
			t.Errorf("step %d: %v", step, err)
		}
		slices.Reverse(ready)
		if !slices.Equal(ready, exited) {
			t.Errorf("step %d: ended in the order %q, want %q", step, exited, ready)
		}
		if left := withEnv(r.mark); len(left) > 0 {
			allEnd(t, left)
		}
		t.Logf("SIGTERM at step %d of %d: the root used %s", step, last, cpu)
	}
}
