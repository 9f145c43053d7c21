package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// The tree of TestKillTree: a root, so many supervisors in processes of their
// own, so many such below each of them, and so many actors below each of these.
// The first actor of each supervisor leaves a daemon in a session of its own.
const widthsVar = "SUPERVISOR_TEST_WIDTHS"

func widths() (w [3]int) {
	_, _ = fmt.Sscan(os.Getenv(widthsVar), &w[0], &w[1], &w[2])
	return w
}

type Leaf struct{}

var leaf = actor.Define("leaf", func(*actor.Setup[Leaf]) error {
	if os.Getenv("LEAF_DAEMON") == "" {
		return nil
	}
	return exec.Command("setsid", "sh", "-c", "sleep 1000 >/dev/null 2>&1 &").Run()
})

var (
	bough = supervisor.Define("bough", func() (spec supervisor.Spec, err error) {
		spec.Intensity = 100000
		for i := range widths()[1] {
			spec.Children = append(spec.Children, supervisor.Child{Name: fmt.Sprint(i), Subtree: twig})
		}
		return spec, nil
	})
	twig = supervisor.Define("twig", func() (spec supervisor.Spec, err error) {
		spec.Intensity = 100000
		for i := range widths()[2] {
			c := supervisor.Child{Name: fmt.Sprint(i), Actor: leaf}
			if i == 0 && os.Getenv(rootVar) != "" { // a root that does not Run gets no orphans
				c.Env = []string{"LEAF_DAEMON=1"}
			}
			spec.Children = append(spec.Children, c)
		}
		return spec, nil
	})
)

// treeProgram prints a line for everything that happens in its tree.
func treeProgram() {
	begin := time.Now()
	spec := supervisor.Spec{Intensity: 1000, Log: quiet, OnEvent: func(e supervisor.Event) {
		fmt.Println(e.Kind, e.Child)
		if e.Kind == supervisor.EventEnded {
			took := time.Since(begin)
			fmt.Printf("cpu %v of %v: %.1f %% of a processor\n", ownCPU(), took, 100*float64(ownCPU())/float64(took))
		}
	}}
	spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		for i := range widths()[0] {
			if _, err := supervisor.StartSubtree(ctx, sup, bough, supervisor.Child{Name: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		for _, c := range sup.Children() {
			fmt.Println("middle", c.PID)
		}
		fmt.Println("ready")
		<-ctx.Done()
		return nil
	})
}

// processesOf is how many processes the tree has, its root among them, and
// without daemons.
func processesOf(w [3]int) int { return 1 + w[0]*(1+w[1]*(1+w[2])) }

// TestKillTree: the root of a tree of three levels is killed at random moments,
// while it starts and when it runs: no process of any level is left, daemons
// included, nor anything else, and the next one starts.
func TestKillTree(t *testing.T) {
	testutil.Threads(t, 256)
	testutil.Audit(t)
	w := [3]int{2, 1, 2} // 9 processes
	if testutil.Rounds(0, 1) == 1 {
		w = [3]int{7, 1, 5} // 50, and 7 daemons
	}
	t.Setenv(widthsVar, strings.Trim(fmt.Sprint(w), "[]"))
	// Of each process: starting and ready.
	lines := 2 * (processesOf(w) - 1)
	var slowest time.Duration
	late, most := 0, 0
	rounds := testutil.Rounds(2, 200)
	for range rounds {
		r := startRoot(t, "tree")
		for range 1 + rand.IntN(lines*5/4) { // about one in five is killed when it runs
			if !r.out.Scan() {
				t.Fatal("the tree has ended: ", r.cmd.Wait())
			}
			if r.out.Text() == "ready" {
				break
			}
		}
		most = max(most, len(withEnv(r.mark)))
		begin := time.Now()
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = r.cmd.Wait()
		for left := withEnv(r.mark); len(left) > 0; left = withEnv(r.mark) {
			allEnd(t, left)
		}
		took := time.Since(begin)
		slowest = max(slowest, took)
		if took > time.Second {
			late++
		}
	}
	t.Logf("%d rounds, a tree of %d processes, at most %d at a kill: the slowest end took %v, %d more than a second", rounds,
		processesOf(w), most, slowest.Round(time.Millisecond), late)
}

// TestKillTreeStopped: the same when the supervisors below the root are stopped at
// that moment.
func TestKillTreeStopped(t *testing.T) {
	testutil.Threads(t, 256)
	testutil.Audit(t)
	t.Setenv(widthsVar, "2 1 2")
	for _, sig := range []syscall.Signal{syscall.SIGSTOP} {
		r := startRoot(t, "tree")
		var middles []int
		for r.out.Scan() && r.out.Text() != "ready" {
			if text, ok := strings.CutPrefix(r.out.Text(), "middle "); ok {
				pid, _ := strconv.Atoi(text)
				middles = append(middles, pid)
			}
		}
		if len(middles) != 2 {
			t.Fatal(middles)
		}
		all := withEnv(r.mark)
		for _, pid := range middles {
			if err := syscall.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = r.cmd.Wait()
		allEnd(t, all)
		if left := withEnv(r.mark); len(left) > 0 { // started meanwhile
			allEnd(t, left)
		}
	}
}

// TestKillMiddles: supervisors' processes of a tree of three levels are killed at
// random; each time the tree comes back whole, and nothing of the old one is left.
func TestKillMiddles(t *testing.T) {
	testutil.Threads(t, 256)
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100000})
	t.Setenv(widthsVar, "2 2 2")
	for i := range 2 {
		if _, err := supervisor.StartSubtree(ctx, sup, bough, supervisor.Child{Name: fmt.Sprint(i), Stderr: io.Discard}); err != nil {
			t.Fatal(err)
		}
	}
	whole := processesOf([3]int{2, 2, 2}) - 1
	for range testutil.Rounds(2, 200) {
		middles := sup.Children()
		for _, m := range sup.Children() {
			if below, err := sup.Below(m.Name); err == nil {
				middles = append(middles, below.Children()...)
			}
		}
		m := middles[rand.IntN(len(middles))]
		if err := sup.Kill(m.ID); err != nil {
			t.Fatal(err)
		}
		r.until(t, ctx, "a whole tree", func() bool {
			seen, again := map[string]string{}, false
			for _, e := range r.all() {
				switch e.Kind {
				case supervisor.EventReady, supervisor.EventExited:
					seen[e.Child] = string(e.Kind)
					again = again || e.Child == m.Name && e.Incarnation > m.Incarnation
				case supervisor.EventStarting:
					if seen[e.Child] != "" && seen[e.Child] != "exited" {
						t.Fatalf("%s was started while it was %s", e.Child, seen[e.Child])
					}
					seen[e.Child] = string(e.Kind)
				}
			}
			ready := 0
			for _, s := range seen {
				if s == "ready" {
					ready++
				}
			}
			return ready == whole && again && !alive(m.PID)
		})
	}
}
