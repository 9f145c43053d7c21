package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Printer struct{}

type Page struct {
	actor.Tells[Printer]
	Number int
	Text   string
}

// printer dies of one page.
var printer = actor.Define("printer", func(s *actor.Setup[Printer]) error {
	actor.OnTell(s, func(_ *actor.Context, p Page) error {
		if p.Number == 13 {
			panic("paper jam")
		}
		return nil
	})
	return nil
})

// The program keeps the message at which an actor died.
func ExampleDecode() {
	pages := make(chan Page, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sup, err := supervisor.New(ctx, supervisor.Spec{
		Log: slog.New(slog.DiscardHandler),
		OnLetter: func(l supervisor.Letter) {
			if p, err := supervisor.Decode[Page](l); err == nil {
				pages <- p
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, printer, supervisor.Child{Stderr: io.Discard})
	if err == nil {
		err = actor.Tell(ctx, ref, Page{Number: 13, Text: "the end"})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	select {
	case p := <-pages:
		fmt.Printf("not printed: page %d, %q\n", p.Number, p.Text)
	case <-ctx.Done():
		fmt.Println("no letter")
	}
	// Output: not printed: page 13, "the end"
}
