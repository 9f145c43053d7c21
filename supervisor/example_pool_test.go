package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// Three processes answer behind one Ref. Here they run in place; without InPlace
// each is a process of its own.
func ExampleStartPool() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())

	pool, err := supervisor.StartPool(ctx, sup, node, supervisor.Pool{
		Name: "nodes", Size: 3, Route: supervisor.RoundRobin, Member: supervisor.Child{InPlace: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		me, err := actor.Ask(ctx, pool, Who{})
		fmt.Println("incarnation", me.Incarnation, err)
	}
	if err := sup.Resize(ctx, pool.ID, 1); err != nil {
		fmt.Println(err)
		return
	}
	members, err := actor.Members(ctx, pool)
	fmt.Println(len(members), "member", err)
	// Output:
	// incarnation 1 <nil>
	// incarnation 1 <nil>
	// incarnation 1 <nil>
	// 1 member <nil>
}
