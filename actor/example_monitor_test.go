package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Diver struct{}

type (
	Dive struct {
		actor.Asks[Diver, string]
		Metres int
	}
)

var diver = actor.Define("diver", func(s *actor.Setup[Diver]) error {
	actor.OnAsk(s, func(c *actor.Context, m Dive) (string, error) {
		if m.Metres > 100 {
			panic("too deep")
		}
		return fmt.Sprintf("dive %d of incarnation %d", m.Metres, c.Incarnation()), nil
	})
	return nil
})

// An actor panics. Who has asked gets an error, who watches gets a notice, and the
// next ask is answered by the process that was started instead.
func ExampleMonitor() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())
	ref, err := supervisor.StartChild(ctx, sup, diver, supervisor.Child{Stderr: io.Discard})
	if err != nil {
		log.Fatal(err)
	}
	down, cancel, err := actor.Monitor(ctx, ref)
	if err != nil {
		log.Fatal(err)
	}
	defer cancel()

	_, err = actor.Ask(ctx, ref, Dive{Metres: 1000})
	var death *actor.DeathError
	fmt.Println("died:", errors.As(err, &death))
	fmt.Println((<-down).Exit)
	fmt.Println(actor.Ask(ctx, ref, Dive{Metres: 10}))
	// Output:
	// died: true
	// panic: too deep
	// dive 10 of incarnation 2 <nil>
}
