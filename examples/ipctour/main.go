package main

import (
	"context"
	"flag"
	"os"

	"github.com/understudy-go/understudy/supervisor"
)

type config struct {
	html string
	plan plan
}

func parseFlags() (c config) {
	c.plan = fullPlan
	flag.StringVar(&c.html, "html", "", "write the tour as a page with plots to this `file` too")
	quick := flag.Bool("quick", false, "measure for a tenth of the time")
	calls := flag.Bool("syscalls", true, "count system calls, by perf where it is installed and permitted")
	flag.Parse()
	if *quick {
		c.plan = quickPlan
	}
	if !*calls {
		c.plan.counted = 0
	}
	return c
}

func main() {
	supervisor.RunChild() // before the flags: a child has the same ones
	c := parseFlags()
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
