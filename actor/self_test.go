package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// Mirror is the protocol of an actor that asks itself.
type Mirror struct{}

type (
	Look struct {
		actor.Asks[Mirror, Seen]
		How string
		At  uint32 // who is asked, itself or a pool that it belongs to
	}
	Seen struct {
		Text string
		Self bool // ErrCallingSelf
	}
	Glance struct{ actor.Tells[Mirror] } // looks at itself, and keeps what it saw
)

var mirror = actor.Define("mirror", func(s *actor.Setup[Mirror]) error {
	self := s.Self()
	if _, err := actor.Ask(s.Context(), self, Look{}); !errors.Is(err, actor.ErrCallingSelf) {
		return fmt.Errorf("the Setup asks its own actor: %v", err)
	}
	later := make(chan error, 1)
	var glanced error
	derived, forget := context.WithCancel(context.Background())
	actor.OnTell(s, func(c *actor.Context, _ Glance) error {
		_, glanced = actor.Ask(c, self, Look{})
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Look) (Seen, error) {
		var err error
		switch m.How {
		case "":
			return Seen{Text: c.Name()}, nil
		case "glanced":
			err = glanced
		case "context":
			_, err = actor.Ask(c, actor.Ref[Mirror]{ID: m.At}, Look{})
		case "deadline":
			ctx, cancel := context.WithTimeout(c, time.Hour)
			defer cancel()
			_, err = actor.Ask(ctx, self, Look{})
		case "other context":
			_, err = actor.Ask(context.Background(), self, Look{})
		case "derive": // and leave it alone
			derived, forget = context.WithTimeout(c, time.Hour)
		case "derived":
			err = derived.Err()
			forget()
		case "goroutine": // which this handler does not wait for
			ctx := context.WithoutCancel(c)
			go func() {
				_, err := actor.Ask(ctx, self, Look{})
				later <- err
			}()
		case "what it saw":
			select { // it cannot be waited for here
			case err = <-later:
			default:
				return Seen{Text: "nothing yet"}, nil
			}
		}
		r := Seen{Self: errors.Is(err, actor.ErrCallingSelf)}
		if err != nil {
			r.Text = err.Error()
		}
		return r, nil
	})
	return nil
})

// TestCallingSelf: an actor's own code that asks the actor gets an error at once. A
// goroutine that it starts is answered.
func TestCallingSelf(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		t.Run(fmt.Sprint("in place ", inPlace), func(t *testing.T) {
			ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
			child := supervisor.Child{Name: "mirror", InPlace: inPlace}
			if !inPlace {
				child.Stderr = io.Discard
			}
			ref, err := supervisor.StartChild(ctx, sup, mirror, child)
			if err != nil {
				t.Fatal(err)
			}
			look := func(how string) Seen {
				t.Helper()
				s, err := actor.Ask(ctx, ref, Look{How: how, At: ref.ID})
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				return s
			}
			for _, how := range []string{"context", "deadline", "other context"} {
				if s := look(how); !s.Self && !(inPlace && how == "other context") { // that belongs to no program then
					t.Errorf("%s: %q", how, s.Text)
				}
			}
			if err := actor.Tell(ctx, ref, Glance{}); err != nil {
				t.Fatal(err)
			}
			if s := look("glanced"); !s.Self {
				t.Errorf("of a told message: %q", s.Text)
			}
			look("goroutine")
			s := look("what it saw")
			for s.Text == "nothing yet" {
				s = look("what it saw")
			}
			if s.Text != "" {
				t.Errorf("in a goroutine: %s", s.Text)
			}
		})
	}
}

// TestDerivedEndsWithTheHandler: a context that a handler has derived from its own, and
// not ended, ends when it returns.
func TestDerivedEndsWithTheHandler(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, mirror, supervisor.Child{Name: "mirror", Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		_, err := actor.Ask(ctx, ref, Look{How: "derive"})
		if err != nil {
			t.Fatal(n, err)
		}
		if s, err := actor.Ask(ctx, ref, Look{How: "derived"}); err != nil || s.Text != context.Canceled.Error() {
			t.Fatal(n, s.Text, err)
		}
	}
}

// TestCallingSelfByPool: a member that asks its pool fails when it would be its own
// turn, and is answered by another one else.
func TestCallingSelfByPool(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	pool, err := supervisor.StartPool(ctx, sup, mirror, supervisor.Pool{Size: 2, Member: supervisor.Child{Stderr: io.Discard}})
	if err != nil {
		t.Fatal(err)
	}
	own, others := 0, 0
	one, err := actor.Pick(ctx, pool, 0)
	for range 4 {
		var s Seen
		if err == nil {
			s, err = actor.Ask(ctx, one, Look{How: "context", At: pool.ID})
		}
		switch {
		case err != nil:
			t.Fatal(err)
		case s.Self:
			own++
		case s.Text == "":
			others++
		default:
			t.Error(s.Text)
		}
	}
	if own != 2 || others != 2 {
		t.Errorf("of 4 asks %d were of itself, and %d were answered", own, others)
	}
}
