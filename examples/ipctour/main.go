package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/understudy-go/understudy/examples/internal/output"
	"github.com/understudy-go/understudy/supervisor"
)

type config struct {
	html string
	plan plan
}

const usage = `ipctour sends messages between two processes with every form of queue, segment and
notifier that this machine has, and prints a table of what each costs.

usage: ipctour [flags]

flags:
  -quick            measure for a tenth of the time
  -html FILE        also write the tour, with plots, as a page to this file
  -syscalls=false   do not count system calls; by default they are counted by
                    perf, where it is installed and permitted
`

// parseFlags reads a command line. For -help it writes the help to help and
// returns flag.ErrHelp.
func parseFlags(args []string, help io.Writer) (c config, err error) {
	c.plan = fullPlan
	fs := flag.NewFlagSet("ipctour", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.html, "html", "", "")
	quick := fs.Bool("quick", false, "")
	calls := fs.Bool("syscalls", true, "")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(help, usage)
		return c, err
	case err != nil:
		return c, fmt.Errorf("%w; -help lists the flags", err)
	case fs.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q; -help lists the flags", fs.Arg(0))
	}
	if c.html != "" { // before the measurement, which takes a while
		if err := output.CanWrite(c.html); err != nil {
			return c, fmt.Errorf("-html %s: %w", c.html, err)
		}
	}
	if *quick {
		c.plan = quickPlan
	}
	if !*calls {
		c.plan.counted = 0
	}
	return c, nil
}

func main() {
	supervisor.RunChild() // before the flags: a child has the same ones
	c, err := parseFlags(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "ipctour:", err)
		os.Exit(2)
	}
	supervisor.Spec{Log: quiet}.Run(func(ctx context.Context, _ *supervisor.Supervisor) error {
		r, err := run(ctx, c.plan, os.Stderr)
		if err != nil {
			return err
		}
		if err := printTable(os.Stdout, r); err != nil || c.html == "" {
			return err
		}
		return savePage(c.html, r)
	})
}
