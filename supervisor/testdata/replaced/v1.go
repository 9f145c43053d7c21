//go:build !v2 && !v3 && !v4

package main

import "github.com/understudy-go/understudy/actor"

// Add is told to a Counter.
type Add struct {
	actor.Tells[Counter]
	N int
}

// State is what a build hands over to the next.
type State struct{ Sum int }

func setup(s *actor.Setup[Counter]) error {
	sum := 0
	actor.OnHandover(s, func(*actor.Context) (State, error) { return State{sum}, nil })
	actor.OnState(s, func(_ *actor.Context, old State) error { sum = old.Sum; return nil })
	actor.OnTell(s, func(_ *actor.Context, m Add) error { sum += m.N; return nil })
	actor.OnAsk(s, func(*actor.Context, Total) (Answer, error) { return Answer{"one", sum}, nil })
	return nil
}
