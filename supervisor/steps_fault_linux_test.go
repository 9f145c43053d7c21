//go:build faultinject

package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor"
)

// A supervisor's process is killed before each thing that its rules want done: while it
// starts, while it restarts its children, while it ends.

// steps is one such run: the supervisor "tree" with two children that are restarted
// together, whose process is killed at the k-th hit of a point.
type steps struct {
	*testing.T
	ctx  context.Context
	sup  *supervisor.Supervisor
	r    *recorder
	mark string // in the environment of all its processes
	sub  *supervisor.Supervisor
	a, b actor.Ref[Node]
}

// startSteps starts it. err is that of the start.
func startSteps(t *testing.T, point string, k int) (s *steps, err error) {
	t.Helper()
	testutil.Audit(t)
	rounds++
	s = &steps{T: t, mark: fmt.Sprintf("SUPERVISOR_TEST_MARK=%d.%d", os.Getpid(), rounds)}
	s.ctx, s.sup, s.r = newSup(t, supervisor.Spec{Intensity: 100})
	t.Cleanup(func() {
		s.sup.Shutdown()
		allEnd(t, withEnv(s.mark))
	})
	c := tree("group")
	c.Env = append(c.Env, s.mark, fmt.Sprintf("%s=%s:kill:%d", fault.Variable, point, k))
	if s.sub, err = supervisor.StartSubtree(s.ctx, s.sup, variable, c); err == nil {
		s.a, s.b = find(t, s.sub, "a"), find(t, s.sub, "b")
	}
	return s, err
}

// eachStep calls f with 1, 2, ... in a test of its own for each, until f says that
// nobody was killed.
func eachStep(t *testing.T, least int, f func(t *testing.T, k int) (killed bool)) {
	t.Helper()
	for k, killed := 1, true; killed; k++ {
		if k > 40 {
			t.Fatal("there is no end of steps")
		}
		t.Run(fmt.Sprint(k), func(t *testing.T) { killed = f(t, k) })
		if t.Failed() {
			return
		}
		if !killed && k <= least {
			t.Errorf("only %d steps", k-1)
		}
	}
}

var stepPoints = []string{"supervisor.act", "supervisor.launched"}

// TestSubtreeKilledWhileStarting: the start has failed, and nothing is left of it.
func TestSubtreeKilledWhileStarting(t *testing.T) {
	for _, point := range stepPoints {
		t.Run(point, func(t *testing.T) {
			eachStep(t, 2, func(t *testing.T, k int) (killed bool) {
				s, err := startSteps(t, point, k)
				if err == nil {
					return false
				}
				if e := new(supervisor.StartError); !errors.As(err, &e) || e.Child != "tree" {
					t.Error(err)
				}
				allEnd(t, withEnv(s.mark))
				if list := s.sup.Children(); len(list) != 0 {
					t.Errorf("%+v", list)
				}
				return true
			})
		})
	}
}

// startHits is how many hits of a point a start has.
func startHits(t *testing.T, point string) (n int) {
	t.Helper()
	for n = 1; ; n++ {
		ok := false
		t.Run(fmt.Sprint("start", n), func(t *testing.T) {
			_, err := startSteps(t, point, n)
			ok = err == nil
		})
		if ok || n > 40 {
			return n - 1
		}
	}
}

// TestSubtreeKilledWhileRestarting: a child dies, and the supervisor's process is killed
// before each thing that it does about that. All its children have ended before the next
// one starts them again, and what was unread is there, without a gap.
func TestSubtreeKilledWhileRestarting(t *testing.T) {
	for _, point := range stepPoints {
		t.Run(point, func(t *testing.T) {
			before := startHits(t, point)
			eachStep(t, 2, func(t *testing.T, k int) (killed bool) {
				s, err := startSteps(t, point, before+k)
				if err != nil {
					t.Fatal(err)
				}
				was := []int{who(t, s.ctx, s.a).PID, who(t, s.ctx, s.b).PID}
				tell(t, s.ctx, s.a, "exit 3")
				const n = 20
				for i := range n {
					if err := actor.Tell(s.ctx, s.b, Mark{Seq: i}); err != nil {
						t.Fatal(err)
					}
				}
				killed = s.untilWhole()
				for _, pid := range was {
					if alive(pid) {
						t.Errorf("%d is alive", pid)
					}
				}
				for _, ref := range []actor.Ref[Node]{s.a, s.b} {
					if m := who(t, s.ctx, ref); m.Incarnation < 2 {
						t.Errorf("%+v", m)
					}
				}
				log, err := actor.Ask(s.ctx, s.b, Log{})
				if err != nil {
					t.Fatal(err)
				}
				for i, line := range log.Lines { // the first incarnation may have handled some
					if line != fmt.Sprint(n-len(log.Lines)+i) {
						t.Fatalf("%d is %s of %q", i, line, log.Lines)
					}
				}
				if n := s.sup.DeadLetters(); n > 1 { // "exit 3" was in hand
					t.Errorf("%d dead letters", n)
				}
				s.oneAtATime()
				return killed
			})
		})
	}
}

// untilWhole waits until both children were restarted, and says whether the process
// was killed for that.
func (s *steps) untilWhole() (killed bool) {
	s.Helper()
	s.r.until(s, s.ctx, "a whole tree", func() bool {
		ready := map[string]int{}
		for _, e := range s.r.all() {
			if e.Kind == supervisor.EventExited && e.Child == "tree" {
				killed = true
			}
			if e.Kind == supervisor.EventReady {
				ready[e.Child] = e.Incarnation
			}
		}
		if killed {
			return ready["tree"] == 2
		}
		return ready["tree/a"] == 2 && ready["tree/b"] == 2
	})
	return killed
}

// oneAtATime checks that no child was started while it had a process.
func (s *steps) oneAtATime() {
	s.Helper()
	runs := map[string]bool{}
	for _, e := range s.r.all() {
		switch e.Kind {
		case supervisor.EventStarting:
			if runs[e.Child] {
				s.Errorf("%s was started while it ran", e.Child)
			}
			runs[e.Child] = true
		case supervisor.EventExited:
			runs[e.Child] = false
		}
	}
}

// TestSubtreeKilledWhileEnding: Terminate returns when nothing is left, and the children
// are gone for good.
func TestSubtreeKilledWhileEnding(t *testing.T) {
	before := startHits(t, "supervisor.act")
	eachStep(t, 5, func(t *testing.T, k int) (killed bool) {
		s, err := startSteps(t, "supervisor.act", before+k)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.sup.Terminate(s.ctx, s.sub.ID()); err != nil {
			t.Error(err)
		}
		if left := withEnv(s.mark); slices.ContainsFunc(left, alive) {
			t.Errorf("%v are alive", left)
		}
		for _, ref := range []actor.Ref[Node]{s.a, s.b} {
			_, err := actor.Ask(s.ctx, ref, Who{})
			if g := new(actor.GoneError); !errors.As(err, &g) {
				t.Errorf("%v", err)
			}
		}
		if state := stateOf(s.sup, "tree"); state != "stopped" {
			t.Errorf("it is %s", state)
		}
		s.oneAtATime()
		return slices.Contains(s.r.kinds(supervisor.EventShutdownError), "shutdown_error tree")
	})
}

func init() { programs["steps"] = stepsProgram }

// stepsProgram starts two children, one of which dies once, and ends.
func stepsProgram() {
	quick := func(name string) supervisor.Child {
		return supervisor.Child{Name: name, Actor: node, Stderr: io.Discard}
	}
	again := make(chan struct{})
	spec := supervisor.Spec{Strategy: supervisor.OneForAll, Log: quiet, Children: []supervisor.Child{quick("a"), quick("b")}, OnEvent: func(e supervisor.Event) {
		fmt.Println(e.Kind, e.Child)
		if e.Kind == supervisor.EventReady && e.Child == "b" && e.Incarnation == 2 {
			close(again)
		}
	}}
	spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.Find(sup, node, "a")
		if err == nil {
			err = actor.Tell(ctx, ref, Die{How: "exit 3"})
		}
		<-again
		return err
	})
}

// TestRootKilledAtEachAct: the same for the root. Nothing is left.
func TestRootKilledAtEachAct(t *testing.T) {
	for _, point := range stepPoints {
		t.Run(point, func(t *testing.T) {
			eachStep(t, 3, func(t *testing.T, k int) (killed bool) {
				testutil.Audit(t)
				t.Setenv(fault.Variable, fmt.Sprintf("%s:kill:%d", point, k))
				r := startRoot(t, "steps")
				var last string
				for r.out.Scan() {
					last = r.out.Text()
				}
				err := r.cmd.Wait()
				allEnd(t, withEnv(r.mark))
				if err == nil && !strings.HasPrefix(last, "ended") {
					t.Errorf("the last event is %q", last)
				}
				return err != nil
			})
		})
	}
}
