package actor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// A protocol: what can be said to a counter.
type Counter struct{}

type (
	Step struct { // told
		actor.Tells[Counter]
		By int
	}
	Value struct { // asked, and answered by an int
		actor.Asks[Counter, int]
	}
)

var counter = actor.Define("counter", func(s *actor.Setup[Counter]) error {
	n := 0 // in the actor's process
	actor.OnTell(s, func(c *actor.Context, m Step) error {
		n += m.By
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Value) (int, error) { return n, nil })
	return nil
})

// A counter runs in a process of its own. A program calls supervisor.Run; here, in a
// test, supervisor.New makes the supervisor.
func Example() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())

	ref, err := supervisor.Start(ctx, sup, counter)
	if err != nil {
		log.Fatal(err)
	}
	for i := range 4 {
		if err := actor.Tell(ctx, ref, Step{By: i}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(actor.Ask(ctx, ref, Value{})) // handled after all that was told before
	// Output:
	// 6 <nil>
}
