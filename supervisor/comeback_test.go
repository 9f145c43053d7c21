package supervisor_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
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
