package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// WhoAreYou is asked of a Starter to see it alive.
type WhoAreYou struct {
	actor.Asks[Starter, Alive]
}

// Starter is the protocol of what the workload spawn starts.
type Starter struct{}

// Alive is its answer.
type Alive struct {
	PID         int
	Incarnation int
}

var starter = actor.Define("starter", func(s *actor.Setup[Starter]) error {
	actor.OnAsk(s, func(c *actor.Context, m WhoAreYou) (Alive, error) {
		return Alive{os.Getpid(), c.Incarnation()}, nil
	})
	return nil
})

// runSpawn measures the time from before a process is started to its first answer, and
// from before its SIGKILL to the first answer of its replacement.
func runSpawn(ctx context.Context, sup *supervisor.Supervisor, p Plan) ([]Result, error) {
	var first, again []uint32 // µs
	for i := range p.Spawn {
		begun := time.Now()
		ref, err := supervisor.StartChild(ctx, sup, starter, supervisor.Child{Name: fmt.Sprintf("starter-%d", i)})
		if err != nil {
			return nil, err
		}
		a, err := actor.Ask(ctx, ref, WhoAreYou{})
		if err != nil {
			return nil, err
		}
		first = append(first, uint32(time.Since(begun).Microseconds()))
		process, err := os.FindProcess(a.PID)
		if err != nil {
			return nil, err
		}
		begun = time.Now()
		if err := process.Kill(); err != nil {
			return nil, err
		}
		if a, err = actor.Ask(ctx, ref, WhoAreYou{}); err != nil {
			return nil, err
		}
		again = append(again, uint32(time.Since(begun).Microseconds()))
		if a.Incarnation != 2 {
			return nil, fmt.Errorf("spawn: process %d was killed and incarnation %d answered", process.Pid, a.Incarnation)
		}
		if err := sup.Terminate(ctx, ref.ID); err != nil {
			return nil, err
		}
	}
	result := func(work string, us []uint32) Result {
		p50, _ := percentiles(us)
		return Result{Work: work, N: len(us), P50: p50 * 1000}
	}
	return []Result{result("spawn", first), result("spawn restart", again)}, nil
}
