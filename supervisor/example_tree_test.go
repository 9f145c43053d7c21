package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Staff struct{}

type Duty struct { // asks who is on duty
	actor.Asks[Staff, string]
}

var staff = actor.Define("staff", func(s *actor.Setup[Staff]) error {
	actor.OnAsk(s, func(c *actor.Context, _ Duty) (string, error) { return c.Name(), nil })
	return nil
})

// A tree is written down as a Spec. Here two workers under a supervisor of
// their own, which are restarted together, beside a clerk that is not. They run
// in place, as in a debugger; without InPlace each is a process.
func ExampleSpec() {
	inPlace := func(name string) supervisor.Child {
		return supervisor.Child{Name: name, Actor: staff, InPlace: true}
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

	right, err := supervisor.Find(sup, staff, "pair/right")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(actor.Ask(ctx, right, Duty{}))

	pair, err := sup.Below("pair")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range append(sup.Children(), pair.Children()...) {
		fmt.Println(c.Name, c.State)
	}
	// Output:
	// pair/right <nil>
	// clerk running
	// pair running
	// pair/left running
	// pair/right running
}
