// A program of which there are several builds, for the tests of replacement: it
// starts a counter, replaces it by another build of itself, and tells how that
// went.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// Counter is the protocol.
type Counter struct{}

// Total is asked of a Counter.
type Total struct{ actor.Asks[Counter, Answer] }

// Answer is its answer.
type Answer struct {
	Version string
	Sum     int
}

var counter = actor.Define("counter", setup)

func main() {
	supervisor.Spec{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.StartChild(ctx, sup, counter, supervisor.Child{Stderr: io.Discard})
		if err != nil {
			return err
		}
		for range 10 {
			if err := actor.Tell(ctx, ref, Add{N: 4}); err != nil {
				return err
			}
		}
		err = sup.Replace(ctx, ref.ID, supervisor.Replacement{Path: os.Args[1]})
		var i *supervisor.IncompatibleError
		switch {
		case errors.As(err, &i):
			fmt.Printf("incompatible %s state=%v new=%v\n", i.Type, i.State, i.New != 0)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("replaced")
		}
		if err := actor.Tell(ctx, ref, Add{N: 2}); err != nil {
			return err
		}
		a, err := actor.Ask(ctx, ref, Total{})
		fmt.Println(a.Version, a.Sum)
		return err
	})
}
