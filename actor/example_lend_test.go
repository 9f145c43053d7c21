package actor_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Painter struct{}

type (
	Paint struct { // asks for n bytes of a colour
		actor.Asks[Painter, Picture]
		Colour byte
		Size   int
	}
	Picture struct{ Pixels actor.Buffer }

	Tally struct { // asks how many bytes of a picture have a colour
		actor.Asks[Painter, int]
		Colour byte
		Pixels actor.Buffer
	}
)

var painter = actor.Define("painter", func(s *actor.Setup[Painter]) error {
	actor.OnAsk(s, func(c *actor.Context, m Paint) (Picture, error) {
		b, err := c.Lend(m.Size) // memory that the asker can read
		if err != nil {
			return Picture{}, err
		}
		for i := range b.Bytes() {
			b.Bytes()[i] = m.Colour
		}
		return Picture{b}, nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Tally) (int, error) {
		return bytes.Count(m.Pixels.Bytes(), []byte{m.Colour}), nil // read in place, until the handler returns
	})
	return nil
})

// A megabyte goes to another process, and another one comes back. Neither is copied.
func ExampleLend() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())
	ref, err := supervisor.Start(ctx, sup, painter)
	if err != nil {
		log.Fatal(err)
	}

	b, err := actor.Lend(ctx, ref, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Release() // does nothing once it is sent
	copy(b.Bytes(), "red, red and green")
	n, err := actor.Ask(ctx, ref, Tally{Colour: 'r', Pixels: b})
	fmt.Println(n, "times r", err)

	if b, err = actor.Lend(ctx, ref, 1<<20); err != nil {
		log.Fatal(err)
	}
	filled, _ := strings.NewReader("the end of a file").Read(b.Bytes())
	b.Truncate(filled) // only that much is sent
	n, err = actor.Ask(ctx, ref, Tally{Colour: 0, Pixels: b})
	fmt.Println(n, "times 0", err)

	answer, err := actor.Ask(ctx, ref, Paint{Colour: 'g', Size: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Count(answer.Pixels.Bytes(), []byte("g")), "times g")
	answer.Pixels.Release() // a buffer in an answer belongs to the asker
	// Output:
	// 3 times r <nil>
	// 0 times 0 <nil>
	// 1048576 times g
}
