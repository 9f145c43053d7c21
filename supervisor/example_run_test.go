package supervisor_test

import (
	"context"
	"flag"
	"fmt"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// The main function of a program. Before Run it does nothing but parse its flags,
// since every child runs main, too.
func ExampleRun() {
	rounds := flag.Int("rounds", 3, "how often to ask")
	flag.Parse()
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.Start(ctx, sup, node)
		if err != nil {
			return err
		}
		for range *rounds {
			me, err := actor.Ask(ctx, ref, Who{})
			if err != nil {
				return err // Run prints it and exits with code 1
			}
			fmt.Println("incarnation", me.Incarnation)
		}
		return nil
	})
}
