package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Craft struct{}

type Shift struct { // asks in which incarnation it is handled
	actor.Asks[Craft, int]
}

var craft = actor.Define("craft", func(s *actor.Setup[Craft]) error {
	actor.OnAsk(s, func(c *actor.Context, _ Shift) (int, error) { return c.Incarnation(), nil })
	return nil
})

var workshop = supervisor.Define("workshop", func() (supervisor.Spec, error) {
	return supervisor.Spec{Strategy: supervisor.OneForAll, Children: []supervisor.Child{
		{Name: "reader", Actor: craft},
		{Name: "writer", Actor: craft},
	}}, nil
})

// A supervisor in a process of its own, with two actors below it.
func ExampleStartSubtree() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())

	shop, err := supervisor.StartSubtree(ctx, sup, workshop, supervisor.Child{})
	if err != nil {
		fmt.Println(err)
		return
	}
	writer, err := supervisor.Find(shop, craft, "writer")
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := actor.Ask(ctx, writer, Shift{})
	fmt.Println("writer is in incarnation", n, err)
	for _, c := range shop.Children() {
		fmt.Println(c.Name, c.State)
	}
	// Output:
	// writer is in incarnation 1 <nil>
	// workshop/reader running
	// workshop/writer running
}
