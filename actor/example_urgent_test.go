package actor_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// The protocol of a printer.
type Printer struct{}

type (
	Print struct {
		actor.Tells[Printer]
		Job int
	}
	Cancel struct {
		actor.Tells[Printer]
		actor.Urgent // overtakes every Print that waits
		Job          int
	}
	WarmUp struct { // takes as long as the other end is open
		actor.Tells[Printer]
		Until actor.File
	}
	Printed struct { // asks for the jobs that were printed
		actor.Asks[Printer, []int]
	}
)

var printer = actor.Define("printer", func(s *actor.Setup[Printer]) error {
	var printed []int
	cancelled := map[int]bool{}
	actor.OnTell(s, func(c *actor.Context, m WarmUp) error {
		_, err := io.ReadAll(m.Until)
		m.Until.Close()
		return err
	})
	actor.OnTell(s, func(c *actor.Context, m Print) error {
		if !cancelled[m.Job] {
			printed = append(printed, m.Job)
		}
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, m Cancel) error {
		cancelled[m.Job] = true
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Printed) ([]int, error) { return printed, nil })
	return nil
})

// A job is cancelled while it waits: the message that says so overtakes those
// that were sent before it. The mailbox has priorities, and so a queue of a form
// that has them.
func ExampleUrgent() {
	ctx := context.Background()
	sup, err := supervisor.New(ctx, supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, printer, supervisor.Child{Mailbox: mailbox.Config{Priorities: true}})
	if err != nil {
		log.Fatal(err) // names what the machine refuses, and what to raise
	}
	tell := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}

	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	tell(actor.Tell(ctx, ref, WarmUp{Until: actor.File{File: r}}))
	r.Close()
	for job := range 4 {
		tell(actor.Tell(ctx, ref, Print{Job: job}))
	}
	tell(actor.Tell(ctx, ref, Cancel{Job: 2}))
	w.Close() // it is warm

	jobs, err := actor.Ask(ctx, ref, Printed{})
	fmt.Println(jobs, err)
	// Output:
	// [0 1 3] <nil>
}
