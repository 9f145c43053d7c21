// Command hello is the smallest program of its kind: two processes, one
// question, one answer.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Greeter struct{} // the protocol's name

type Hello struct { // asked of a Greeter, answered by a Greeting
	actor.Asks[Greeter, Greeting]
	Name string
}

type Greeting struct {
	Text string
	PID  int
}

var greeter = actor.Define("greeter", func(s *actor.Setup[Greeter]) error {
	n := 0 // private state, in its own OS process
	actor.OnAsk(s, func(c *actor.Context, h Hello) (Greeting, error) {
		n++
		return Greeting{fmt.Sprintf("hello %s, call %d", h.Name, n), os.Getpid()}, nil
	})
	return nil // ready
})

func main() {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.Start(ctx, sup, greeter)
		if err != nil {
			return err
		}
		g, err := actor.Ask(ctx, ref, Hello{Name: "world"})
		if err != nil {
			return err
		}
		_, err = fmt.Printf("process %d was told by process %d: %s\n", os.Getpid(), g.PID, g.Text)
		return err
	})
}
