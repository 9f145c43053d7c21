package actor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Singer struct{}

type (
	Sing struct {
		actor.Tells[Singer]
		Song string
	}
	Sung struct{ actor.Asks[Singer, string] } // asks for the last song
)

var singer = actor.Define("singer", func(s *actor.Setup[Singer]) error {
	song := ""
	actor.OnTell(s, func(c *actor.Context, m Sing) error { song = m.Song; return nil })
	actor.OnAsk(s, func(c *actor.Context, _ Sung) (string, error) { return c.Name() + " sang " + song, nil })
	return actor.Join(s.Context(), s.Self(), "choir")
})

// Actors join a group by themselves. Who tells the group tells all members.
func ExampleGroup() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())
	for _, name := range []string{"alto", "bass"} {
		if _, err := supervisor.StartChild(ctx, sup, singer, supervisor.Child{Name: name}); err != nil {
			log.Fatal(err)
		}
	}

	choir, err := actor.Group[Singer](ctx, "choir")
	if err != nil {
		log.Fatal(err)
	}
	if err := actor.Tell(ctx, choir, Sing{Song: "Greensleeves"}); err != nil {
		log.Fatal(err)
	}
	members, err := actor.Members(ctx, choir)
	if err != nil {
		log.Fatal(err)
	}
	for _, ref := range members {
		fmt.Println(actor.Ask(ctx, ref, Sung{}))
	}
	// Unordered output:
	// alto sang Greensleeves <nil>
	// bass sang Greensleeves <nil>
}
