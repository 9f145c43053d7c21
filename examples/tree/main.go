package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type config struct {
	json    bool
	workers int
	kill    time.Duration // between two kills; 0: none
	length  time.Duration // of the run; 0: until a signal
}

func main() {
	var cfg config
	flag.BoolVar(&cfg.json, "json", false, "write every event as a line of JSON, and nothing else")
	flag.IntVar(&cfg.workers, "workers", 3, "`number` of workers in the pool")
	flag.DurationVar(&cfg.kill, "kill", 0, "kill a process every so `often`")
	flag.DurationVar(&cfg.length, "for", 0, "end after that `time`, rather than at Ctrl-C")
	flag.Parse()
	spec := tree()
	spec.Log = slog.New(slog.DiscardHandler) // deaths are among the events
	spec.OnEvent = printer(cfg.json, os.Stdout)
	spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error { return run(ctx, sup, cfg, os.Stdout) })
}

// run kills processes until the time is over, and then asks each who it is.
func run(ctx context.Context, sup *supervisor.Supervisor, cfg config, out io.Writer) error {
	if cfg.json {
		out = io.Discard
	}
	pool, err := sup.Below("pool")
	if err != nil {
		return err
	}
	for range cfg.workers {
		if _, err := supervisor.Start(ctx, pool, player); err != nil {
			return err
		}
	}
	draw(out, sup)
	all := leaves(sup) // they keep their Refs, however often they, or their supervisors, are restarted
	kills, err := killFor(ctx, sup, cfg)
	if err != nil {
		return err
	}
	for _, leaf := range all {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		me, err := actor.Ask(ctx, actor.Ref[Player]{ID: leaf.ID}, WhoAreYou{})
		if err != nil {
			return fmt.Errorf("%s: %w", leaf.Name, err)
		}
		fmt.Fprintf(out, "%s is process %d, incarnation %d\n", me.Name, me.PID, me.Incarnation)
	}
	fmt.Fprintf(out, "%d kills, %d restarts\n", kills, sup.Restarts())
	return nil
}

// killFor kills a process from time to time until the time is over.
func killFor(ctx context.Context, sup *supervisor.Supervisor, cfg config) (kills int, err error) {
	var over, next <-chan time.Time
	if cfg.length > 0 {
		over = time.After(cfg.length)
	}
	if cfg.kill > 0 {
		t := time.NewTicker(cfg.kill)
		defer t.Stop()
		next = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return kills, context.Cause(ctx)
		case <-over:
			return kills, nil
		case <-next:
			all := processes(sup)
			victim := all[rand.IntN(len(all))]
			switch err := sup.Kill(victim.ID); {
			case err == nil:
				kills++
			case !errors.Is(err, supervisor.ErrNotRunning) && !errors.Is(err, supervisor.ErrNotFound):
				return kills, err
			}
		}
	}
}
