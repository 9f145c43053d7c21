package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

var workshop = supervisor.Define("workshop", func() (supervisor.Spec, error) {
	return supervisor.Spec{Strategy: supervisor.OneForAll, Children: []supervisor.Child{
		{Name: "reader", Actor: node},
		{Name: "writer", Actor: node},
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
	writer, err := supervisor.Find(shop, node, "writer")
	if err != nil {
		fmt.Println(err)
		return
	}
	me, err := actor.Ask(ctx, writer, Who{})
	fmt.Println("writer is in incarnation", me.Incarnation, err)
	for _, c := range shop.Children() {
		fmt.Println(c.Name, c.State)
	}
	// Output:
	// writer is in incarnation 1 <nil>
	// workshop/reader running
	// workshop/writer running
}
