package supervisor_test

import (
	"context"
	"flag"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Greeter struct{}

type Hello struct { // is answered by the number of those before it
	actor.Asks[Greeter, int]
}

var greeter = actor.Define("greeter", func(s *actor.Setup[Greeter]) error {
	n := 0
	actor.OnAsk(s, func(*actor.Context, Hello) (int, error) { n++; return n - 1, nil })
	return nil
})

// The main function of a program. Before Run it does nothing but parse its flags,
// since every child runs main, too.
func ExampleRun() {
	rounds := flag.Int("rounds", 3, "how often to ask")
	flag.Parse()
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.Start(ctx, sup, greeter)
		if err != nil {
			return err
		}
		for range *rounds {
			n, err := actor.Ask(ctx, ref, Hello{})
			if err != nil {
				return err // Run prints it and exits with code 1
			}
			fmt.Println("greeted after", n, "others")
		}
		return nil
	})
}
