package supervisor_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestSubtreeManyOrders: more starts at once than the process of a supervisor has
// room for. Each needs a number from the root, whose answer comes behind the
// other starts on the link.
func TestSubtreeManyOrders(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, _, _ := startPair(t, ctx, sup, supervisor.Child{})
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			_, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "a"})
			if p := new(supervisor.PresentError); !errors.As(err, &p) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if n := sub.Count(); n.Active != 2 {
		t.Errorf("%+v", n)
	}
}

// TestSubtreeTemplateNames: the children of a template have names of their own,
// also in a process of its own.
func TestSubtreeTemplateNames(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("simple"))
	if err != nil {
		t.Fatal(err)
	}
	var refs []actor.Ref[Node]
	for range 2 {
		ref, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	list := sub.Children()
	if len(list) != 2 || list[0].Name == list[1].Name {
		t.Fatalf("%+v", list)
	}
	for i, c := range list {
		if ref, err := actor.Lookup[Node](ctx, c.Name); err != nil || ref != refs[i] {
			t.Errorf("%s is %+v, %v; want %+v", c.Name, ref, err, refs[i])
		}
	}
}

// TestLinkEndsDuringSetup: an actor that is to end since it is linked with nobody,
// and does not, is killed when its time is over, although it became ready
// meanwhile.
func TestLinkEndsDuringSetup(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{
		Restart: supervisor.Temporary, Shutdown: 20 * time.Millisecond, Env: []string{"NODE_SETUP=link", "NODE_SLOW_STOP=1"}})
	if err != nil && !errors.As(err, new(*supervisor.StartError)) {
		t.Fatal(err)
	}
	r.until(t, ctx, "its end", func() bool { return len(r.kinds(supervisor.EventExited)) == 1 })
}
