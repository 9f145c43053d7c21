//go:build v2

package main

import "github.com/understudy-go/understudy/actor"

// Add is told to a Counter.
type Add struct {
	actor.Tells[Counter]
	N int
}

// State is what the first build hands over.
type State struct{ Sum int }

// StateTwo is what this one hands over: halves.
type StateTwo struct{ Halves int }

func setup(s *actor.Setup[Counter]) error {
	halves := 0
	actor.OnHandover(s, func(*actor.Context) (StateTwo, error) { return StateTwo{halves}, nil })
	actor.OnState(s, func(_ *actor.Context, old StateTwo) error { halves = old.Halves; return nil })
	actor.OnState(s, func(_ *actor.Context, old State) error { halves = 2 * old.Sum; return nil })
	actor.OnTell(s, func(_ *actor.Context, m Add) error { halves += 2 * m.N; return nil })
	actor.OnAsk(s, func(*actor.Context, Total) (Answer, error) { return Answer{"two", halves / 2}, nil })
	return nil
}
