package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/understudy-go/understudy/supervisor"
)

func main() {
	// Flags are parsed in every process of the program: a decoder has the
	// same ones.
	cfg, err := parseFlags(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintf(os.Stderr, "contactsheet: %v\n", err)
		os.Exit(2)
	}
	spec.Log = slog.New(slog.DiscardHandler) // deaths are on the sheet and in the summary
	spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		open := func(ctx context.Context, cfg config) (pool, error) { return startPool(ctx, sup, cfg) }
		return run(ctx, cfg, open, os.Stdout, os.Stderr)
	})
}
