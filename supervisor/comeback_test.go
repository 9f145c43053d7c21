package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestComeBackManyTimes: the children of a supervisor that is started again are the
// same children, however often that happens. What is known of children that will not
// come back is forgotten after a while; these are not forgotten.
func TestComeBackManyTimes(t *testing.T) {
	testutil.Descriptors(t, 1024)
	const (
		children = 100
		rounds   = 15 // more ends than are remembered
	)
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 1000})
	spec := supervisor.Spec{Intensity: supervisor.NoRestarts}
	spec.Children = append(spec.Children, supervisor.Child{Name: "once", Actor: node, InPlace: true, Restart: supervisor.Temporary})
	for i := range children {
		spec.Children = append(spec.Children, supervisor.Child{Name: fmt.Sprint(i), Actor: node, InPlace: true})
	}
	sub, err := sup.StartSupervisor(ctx, spec, supervisor.Child{Name: "sub"})
	if err != nil {
		t.Fatal(err)
	}
	once, first, last := find(t, sub, "once"), find(t, sub, "0"), find(t, sub, fmt.Sprint(children-1))
	for i := range rounds {
		down, _, err := actor.Monitor(ctx, once)
		if err != nil {
			t.Fatal(err)
		}
		tell(t, ctx, once, "stop")
		wait(t, ctx, down)
		if i%2 == 0 { // it gives up, or is stopped and started again
			tell(t, ctx, first, "panic")
		} else if err := errors.Join(sup.Terminate(ctx, sub.ID()), sup.Restart(ctx, sub.ID())); err != nil {
			t.Fatal(err)
		}
		for !slices.ContainsFunc(sub.Children(), func(c supervisor.ChildInfo) bool {
			return c.ID == last.ID && c.Incarnation == i+2 && c.State == "running"
		}) {
			if ctx.Err() != nil {
				t.Fatalf("round %d: %+v", i, sub.Children())
			}
			runtime.Gosched()
		}
	}
	for _, c := range sub.Children() {
		if m := who(t, ctx, actor.Ref[Node]{ID: c.ID}); m.Incarnation != rounds+1 {
			t.Errorf("%s: %+v", c.Name, m)
		}
	}
}

// TestTerminatedComesBack: a child that was terminated is started again with its
// supervisor, and its Ref is valid again, however that supervisor has ended.
func TestTerminatedComesBack(t *testing.T) {
	for _, end := range []string{"gives up", "is killed", "is terminated"} {
		t.Run(end, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 5})
			sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("impatient"))
			if err != nil {
				t.Fatal(err)
			}
			a, b := find(t, sub, "a"), find(t, sub, "b")
			if err := sub.Terminate(ctx, b.ID); err != nil {
				t.Fatal(err)
			}
			switch end {
			case "is killed":
				_ = syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL)
			case "gives up":
				for range 2 {
					tell(t, ctx, a, "exit 3")
				}
			case "is terminated":
				if err := sup.Terminate(ctx, sub.ID()); err != nil {
					t.Fatal(err)
				}
				for _, ref := range []actor.Ref[Node]{a, b} {
					if _, err := actor.Ask(ctx, ref, Who{}); !errors.As(err, new(*actor.GoneError)) {
						t.Errorf("number %d does not run, and answers %v", ref.ID, err)
					}
				}
				if err := sup.Restart(ctx, sub.ID()); err != nil {
					t.Fatal(err)
				}
			}
			r.until(t, ctx, "the next tree", func() bool {
				return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool {
					return e.Child == "tree" && e.Kind == supervisor.EventReady && e.Incarnation == 2
				})
			})
			theSame(t, ctx, sub, a, b)
			ends := map[string]int{}
			for _, e := range r.all() {
				if e.Kind == supervisor.EventGone {
					ends[e.Child]++
				}
			}
			if ends["tree/b"] != 1 || ends["tree/a"] != btoi(end == "is terminated") {
				t.Errorf("so often gone: %v", ends)
			}
		})
	}
}

// TestForgottenComesBack: a listed child that its supervisor has forgotten, since it was
// deleted, or is temporary and has ended, is started again with that supervisor, and its
// Ref is valid again. Another child may have its name in the meantime.
func TestForgottenComesBack(t *testing.T) {
	for _, deleted := range []bool{true, false} {
		for _, end := range []string{"is killed", "is terminated"} {
			t.Run(fmt.Sprintf("deleted %v, %s", deleted, end), func(t *testing.T) {
				ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 5})
				how := tree("once")
				how.Env = append(how.Env, "SUPERVISOR_TEST_RESTART="+map[bool]string{true: "permanent"}[deleted])
				sub, err := supervisor.StartSubtree(ctx, sup, variable, how)
				if err != nil {
					t.Fatal(err)
				}
				a, b := find(t, sub, "a"), find(t, sub, "b")
				if err := sub.Terminate(ctx, a.ID); err != nil {
					t.Fatal(err)
				}
				if deleted {
					if err := sub.Delete(ctx, a.ID); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := supervisor.Find(sub, node, "a"); !errors.Is(err, supervisor.ErrNotFound) {
					t.Error(err)
				}
				if err := sub.Terminate(ctx, a.ID); !errors.Is(err, supervisor.ErrNotFound) {
					t.Error(err)
				}
				other, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "a"})
				if err != nil || other == a || find(t, sub, "a") != other {
					t.Fatal(other, err)
				}
				if _, err := actor.Ask(ctx, a, Who{}); !errors.As(err, new(*actor.GoneError)) {
					t.Errorf("it does not run, and answers %v", err)
				}
				for i := range 2 { // every time
					if i > 0 {
						if err := errors.Join(sub.Terminate(ctx, a.ID), sub.Delete(ctx, a.ID)); err != nil && deleted {
							t.Fatal(err)
						}
					}
					if end == "is killed" {
						_ = syscall.Kill(pidOf(t, sup, "tree"), syscall.SIGKILL)
					} else if err := errors.Join(sup.Terminate(ctx, sub.ID()), sup.Restart(ctx, sub.ID())); err != nil {
						t.Fatal(err)
					}
					r.until(t, ctx, "the next tree", func() bool {
						return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool {
							return e.Child == "tree" && e.Kind == supervisor.EventReady && e.Incarnation == 2+i
						})
					})
					theSame(t, ctx, sub, a, b)
				}
				if _, err := actor.Ask(ctx, other, Who{}); !errors.As(err, new(*actor.GoneError)) {
					t.Errorf("the other one answers %v", err)
				}
			})
		}
	}
}

// theSame checks that the children a and b have kept their numbers, and run.
func theSame(t *testing.T, ctx context.Context, sub *supervisor.Supervisor, a, b actor.Ref[Node]) {
	t.Helper()
	for what, ref := range map[string]actor.Ref[Node]{"a": a, "b": b} {
		if now := find(t, sub, what); now != ref {
			t.Errorf("%s was number %d and is %d", what, ref.ID, now.ID)
		}
		if m, err := actor.Ask(ctx, ref, Who{}); err != nil || m.PID == 0 {
			t.Error(what, m, err)
		}
	}
}
