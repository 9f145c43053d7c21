package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Solver struct{}

type Square struct { // asks for it
	actor.Asks[Solver, int]
	Of int
}

var solver = actor.Define("solver", func(s *actor.Setup[Solver]) error {
	actor.OnAsk(s, func(_ *actor.Context, m Square) (int, error) { return m.Of * m.Of, nil })
	return nil
})

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

	pool, err := supervisor.StartPool(ctx, sup, solver, supervisor.Pool{
		Size: 3, Route: supervisor.RoundRobin, Member: supervisor.Child{InPlace: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		fmt.Println(actor.Ask(ctx, pool, Square{Of: i}))
	}
	if err := sup.Resize(ctx, pool.ID, 1); err != nil {
		fmt.Println(err)
		return
	}
	members, err := actor.Members(ctx, pool)
	fmt.Println(len(members), "member", err)
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 4 <nil>
	// 1 member <nil>
}
