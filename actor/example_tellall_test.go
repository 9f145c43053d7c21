package actor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// The protocol of those who watch.
type Viewer struct{}

type (
	Frame struct {
		actor.Tells[Viewer]
		Pixels actor.Buffer
	}
	Latest struct { // asks how the last frame began
		actor.Asks[Viewer, string]
	}
)

var viewer = actor.Define("viewer", func(s *actor.Setup[Viewer]) error {
	last := ""
	actor.OnTell(s, func(c *actor.Context, f Frame) error {
		last = string(f.Pixels.Bytes()[:5]) // in place; the other viewers read the same memory
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Latest) (string, error) { return last, nil })
	return nil
})

// One frame is shown to three processes. It is written once, into memory that
// they share, and copied for none of them.
func ExampleTellAll() {
	ctx := context.Background()
	sup, err := supervisor.New(ctx, supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	var viewers []actor.Ref[Viewer]
	for i := range 3 {
		ref, err := supervisor.StartChild(ctx, sup, viewer, supervisor.Child{Name: fmt.Sprint("viewer-", i)})
		if err != nil {
			log.Fatal(err)
		}
		viewers = append(viewers, ref)
	}

	frame, err := actor.LendAll(ctx, viewers, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	copy(frame.Bytes(), "dawn: ...")
	if err := actor.TellAll(ctx, viewers, Frame{Pixels: frame}); err != nil {
		log.Fatal(err) // says to whom it was not told, and why
	}
	for _, ref := range viewers {
		begin, err := actor.Ask(ctx, ref, Latest{})
		fmt.Println(begin, err)
	}
	// Output:
	// dawn: <nil>
	// dawn: <nil>
	// dawn: <nil>
}
