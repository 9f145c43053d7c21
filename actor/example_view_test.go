package actor_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Critic struct{}

type Review struct { // asks for the longest line of a play
	actor.Asks[Critic, string]
	Play actor.View
}

var critic = actor.Define("critic", func(s *actor.Setup[Critic]) error {
	actor.OnAsk(s, func(c *actor.Context, m Review) (string, error) {
		var longest []byte
		for line := range bytes.Lines(m.Play) { // read where it lies
			if len(line) > len(longest) {
				longest = line
			}
		}
		return string(longest), nil // a copy, which stays
	})
	return nil
})

// A []byte that is there already is copied once, into shared memory, and read in place
// by another process.
func ExampleView() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())
	ref, err := supervisor.Start(ctx, sup, critic)
	if err != nil {
		log.Fatal(err)
	}
	play := []byte("HAMLET\nTo be, or not to be: that is the question.\n")
	line, err := actor.Ask(ctx, ref, Review{Play: play})
	fmt.Print(line, err)
	// Output:
	// To be, or not to be: that is the question.
	// <nil>
}
