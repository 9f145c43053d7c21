package supervisor

import (
	"context"

	"github.com/understudy-go/understudy/actor"
)

// Start starts an actor in a process of its own, with the default Child, and
// returns when it is ready. See StartChild.
func Start[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P]) (actor.Ref[P], error) {
	return StartChild(ctx, sup, def, Child{})
}

// StartChild starts an actor as the last child of sup and returns its Ref when
// its Setup has returned. If the start fails, the error says how, and the
// supervisor goes on without the child. If ctx ends first, the child is
// stopped.
func StartChild[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P], child Child) (actor.Ref[P], error) {
	id, err := sup.start(ctx, def.Name(), child)
	return actor.Ref[P]{ID: id}, err
}
