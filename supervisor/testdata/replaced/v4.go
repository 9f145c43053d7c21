//go:build v4

package main

import "github.com/understudy-go/understudy/actor"

// Add is told to a Counter.
type Add struct {
	actor.Tells[Counter]
	N int
}

// State is what a build hands over to the next.
type State struct{ Sum, Count int }

func setup(s *actor.Setup[Counter]) error {
	sum := 0
	actor.OnHandover(s, func(*actor.Context) (State, error) { return State{sum, 0}, nil })
	actor.OnState(s, func(_ *actor.Context, old State) error { sum = old.Sum; return nil })
	actor.OnTell(s, func(_ *actor.Context, m Add) error { sum += m.N; return nil })
	actor.OnAsk(s, func(*actor.Context, Total) (Answer, error) { return Answer{"four", sum}, nil })
	return nil
}
