package main

import (
	"os"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// Player is the protocol of every leaf of the tree.
type Player struct{}

// WhoAreYou is asked of a Player.
type WhoAreYou struct {
	actor.Asks[Player, IAm]
}

// IAm is a Player's answer.
type IAm struct {
	Name             string
	PID, Incarnation int
}

var player = actor.Define("player", func(s *actor.Setup[Player]) error {
	actor.OnAsk(s, func(c *actor.Context, _ WhoAreYou) (IAm, error) {
		return IAm{c.Name(), os.Getpid(), c.Incarnation()}, nil
	})
	return nil
})

func branch(s supervisor.Strategy, children ...supervisor.Child) supervisor.Spec {
	return supervisor.Spec{Strategy: s, Intensity: 100, Period: 10 * time.Second, Children: children}
}

func leaf(name string) supervisor.Child { return supervisor.Child{Name: name, Actor: player} }

func below(name string, s supervisor.Spec) supervisor.Child {
	return supervisor.Child{Name: name, Supervisor: &s}
}

// line is a supervisor in its own process: what it starts are children of that process.
// Their mailboxes are in the root, like all others.
var line = supervisor.Define("line", func() (supervisor.Spec, error) {
	return branch(supervisor.RestForOne,
		leaf("source"),
		below("pair", branch(supervisor.OneForAll, leaf("left"), leaf("right"))),
		leaf("sink")), nil
})

// tree is the whole program. Its supervisors allow many restarts, since this program is
// for watching them; three in five seconds would be more usual.
func tree() supervisor.Spec {
	clock := leaf("clock")
	clock.Backoff = supervisor.Backoff{Min: 10 * time.Millisecond, Max: 80 * time.Millisecond, Jitter: 0.2}
	return branch(supervisor.OneForOne,
		clock,
		supervisor.Child{Subtree: line},
		below("pool", branch(supervisor.SimpleOneForOne, leaf("worker"))))
}
