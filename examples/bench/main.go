package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// config is what the flags say.
type config struct {
	peers string   // one workload, for another program
	works []string // or a table of these
	runs  int
	plan  Plan
	json  string
}

func parseFlags(args []string, out io.Writer) (config, error) {
	var c config
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	works := f.String("work", strings.Join(workloads, ","), "workloads, comma separated")
	quick := f.Bool("quick", false, "one short run")
	f.IntVar(&c.runs, "runs", 3, "runs of each workload")
	f.StringVar(&c.json, "json", "", "write every single result to this `file`")
	f.StringVar(&c.peers, "peers", "", "run this `workload` once, as a peer of another program: the plan is in $"+planVar+
		", the result goes to stdout as one line, @@RES and JSON")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.plan = fullPlan
	if *quick {
		c.plan, c.runs = quickPlan, 1
	}
	for w := range strings.SplitSeq(*works, ",") {
		if !slices.Contains(workloads, w) {
			return c, fmt.Errorf("-work %s: no workload %q; there are %s", *works, w, strings.Join(workloads, ", "))
		}
		c.works = append(c.works, w)
	}
	if c.runs < 1 {
		return c, fmt.Errorf("-runs %d: want at least 1", c.runs)
	}
	return c, nil
}

func main() {
	supervisor.RunChild() // before the flags: a child has the same ones
	c, err := parseFlags(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if c.peers != "" {
		spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
			return asPeer(ctx, sup, c.peers, os.Stdout)
		})
		return
	}
	if err := table(c, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// hangGuard bounds one run of one workload, which takes a few seconds.
const hangGuard = 80 * time.Second

// asPeer does one workload once and prints what it measured as the one line
// that begins with @@RES.
func asPeer(ctx context.Context, sup *supervisor.Supervisor, work string, out io.Writer) error {
	p, err := planFromEnv()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, hangGuard)
	defer cancel()
	rs, err := runWork(ctx, sup, work, p)
	if err != nil {
		return err
	}
	b, err := json.Marshal(rs)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", resultMark, b)
	return err
}

// resultMark begins the line with the results.
const resultMark = "@@RES "
