package supervisor_test

import (
	"context"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Till struct{}

type (
	Pay struct {
		actor.Tells[Till]
		Cents int
	}
	Close   struct{ actor.Asks[Till, Balance] }
	Balance struct{ Cents, Process int }

	// Drawer is what a till hands over to its successor.
	Drawer struct{ Cents int }
)

var till = actor.Define("till", func(s *actor.Setup[Till]) error {
	var d Drawer
	actor.OnHandover(s, func(*actor.Context) (Drawer, error) { return d, nil })
	actor.OnState(s, func(_ *actor.Context, old Drawer) error { d = old; return nil })
	actor.OnTell(s, func(_ *actor.Context, p Pay) error { d.Cents += p.Cents; return nil })
	actor.OnAsk(s, func(c *actor.Context, _ Close) (Balance, error) { return Balance{d.Cents, c.Incarnation()}, nil })
	return nil
})

// A till gets a new process while money comes in. With Replacement.Path it would be
// one of another build.
func ExampleSupervisor_Replace() {
	ctx := context.Background()
	sup, err := supervisor.New(ctx, supervisor.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	ref, err := supervisor.Start(ctx, sup, till)
	if err != nil {
		fmt.Println(err)
		return
	}
	paid := make(chan error, 1)
	go func() {
		defer close(paid)
		for range 1000 {
			if err := actor.Tell(ctx, ref, Pay{Cents: 5}); err != nil {
				paid <- err
				return
			}
		}
	}()
	fmt.Println(sup.Replace(ctx, ref.ID, supervisor.Replacement{}))
	fmt.Println(<-paid)
	fmt.Println(actor.Ask(ctx, ref, Close{}))
	// Output:
	// <nil>
	// <nil>
	// {5000 2} <nil>
}
