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
	"github.com/understudy-go/understudy/examples/internal/output"
	"github.com/understudy-go/understudy/supervisor"
)

type config struct {
	json    bool
	workers int
	kill    time.Duration // from one kill to the next; 0: none
	length  time.Duration // of the run; 0: until a signal
}

const usage = `tree starts a tree of supervisors and processes, and prints what happens in it.

usage: tree [flags]

Kill processes from another terminal (kill -9 PID) or with -kill, and watch which
others are restarted with them. Ctrl-C ends the program.

flags:
  -kill TIME   kill a random process at this interval, for example 300ms
  -for TIME    end after this time, for example 5s, instead of at Ctrl-C
  -workers N   workers in the pool, 1 to %d (default %d)
  -json        write every event as a line of JSON, and nothing else
`

const (
	maxWorkers     = 64
	defaultWorkers = 3
)

// parseFlags reads a command line. For -help it writes the help to help and
// returns flag.ErrHelp.
func parseFlags(args []string, help io.Writer) (cfg config, err error) {
	fs := flag.NewFlagSet("tree", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&cfg.json, "json", false, "")
	fs.IntVar(&cfg.workers, "workers", defaultWorkers, "")
	fs.DurationVar(&cfg.kill, "kill", 0, "")
	fs.DurationVar(&cfg.length, "for", 0, "")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(help, usage, maxWorkers, defaultWorkers)
		return cfg, err
	case err != nil:
		return cfg, fmt.Errorf("%w; -help lists the flags", err)
	case fs.NArg() > 0:
		return cfg, fmt.Errorf("unexpected argument %q; -help lists the flags", fs.Arg(0))
	case cfg.workers < 1 || cfg.workers > maxWorkers:
		return cfg, fmt.Errorf("-workers %d: it must be between 1 and %d", cfg.workers, maxWorkers)
	case cfg.kill < 0 || cfg.length < 0:
		return cfg, fmt.Errorf("-kill %v, -for %v: a time must not be negative", cfg.kill, cfg.length)
	}
	return cfg, nil
}

func main() {
	supervisor.RunChild() // before the flags are parsed: a child has the same ones
	cfg, err := parseFlags(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "tree:", err)
		os.Exit(2)
	}
	spec := tree()
	spec.Log = slog.New(slog.DiscardHandler) // deaths are among the events
	out := output.To(os.Stdout)
	spec.OnEvent = printer(cfg.json, out)
	spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		if err := run(ctx, sup, cfg, out); err != nil {
			return err
		}
		return out.Err()
	})
}

// run kills processes until the time is over, and then asks each leaf who it is.
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
	if cfg.kill == 0 {
		fmt.Fprintln(out, "kill processes from another terminal: kill -9 PID; with -kill TIME the program does it itself")
	}
	all := leaves(sup) // leaves keep their Refs, however often they or their supervisors are restarted
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
