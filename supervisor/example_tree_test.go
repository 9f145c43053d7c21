package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// A tree is written down as a Spec. Here two workers under a supervisor of
// their own, which are restarted together, beside a clerk that is not. They run
// in place, as in a debugger; without InPlace each is a process.
func ExampleSpec() {
	inPlace := func(name string) supervisor.Child {
		return supervisor.Child{Name: name, Actor: node, InPlace: true}
	}
	sup, err := supervisor.New(context.Background(), supervisor.Spec{
		Strategy: supervisor.RestForOne,
		Children: []supervisor.Child{
			inPlace("clerk"),
			{Name: "pair", Supervisor: &supervisor.Spec{
				Strategy: supervisor.OneForAll,
				Children: []supervisor.Child{inPlace("left"), inPlace("right")},
			}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())

	right, err := supervisor.Find(sup, node, "pair/right")
	if err != nil {
		fmt.Println(err)
		return
	}
	me, err := actor.Ask(ctx, right, Who{})
	fmt.Println("right is in its incarnation", me.Incarnation, err)

	pair, err := sup.Below("pair")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range append(sup.Children(), pair.Children()...) {
		fmt.Println(c.Name, c.State)
	}
	// Output:
	// right is in its incarnation 1 <nil>
	// clerk running
	// pair running
	// pair/left running
	// pair/right running
}
