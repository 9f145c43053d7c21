package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/understudy-go/understudy/examples/internal/output"
	"github.com/understudy-go/understudy/supervisor"
)

// config is what the flags say.
type config struct {
	peers  string // one workload, for another program
	only   string // and of its results this one
	calls  bool   // count system calls too
	pairs  int    // of windows with polling and without, beside busy processes; 0: a table instead
	busy   int
	window time.Duration
	works  []string // or a table of these
	runs   int
	plan   Plan
	json   string
	plot   string
}

const usage = `bench measures messages between processes: how long they take, how many there are
in a second, and what they cost. docs/performance.md explains the workloads.

usage: bench [flags]

flags:
`

func parseFlags(args []string, out io.Writer) (config, error) {
	c := config{plan: fullPlan}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // an error is printed once, by main
	works := f.String("work", strings.Join(workloads, ","), "`workloads`, comma separated; idle runs only if it is named")
	quick := f.Bool("quick", false, "short runs, and one of each workload unless -runs says more")
	f.IntVar(&c.runs, "runs", 3, "runs of each workload")
	f.StringVar(&c.json, "json", "", "write every single result to this `file`")
	f.StringVar(&c.plot, "plot", "", "measure payloads of 64 bytes to 16 MiB too, and write an SVG of them to this `file`")
	f.BoolVar(&c.calls, "syscalls", false, "count system calls too, in further runs, by perf stat, which has to be installed and permitted;\n"+
		"without this flag there is no column for them")
	f.StringVar(&c.peers, "peers", "", "run this `workload` once, for another program that compares: the plan is in $"+planVar+
		",\nthe result goes to stdout as one line, @@RES and JSON")
	f.StringVar(&c.only, "only", "", "with -peers: of several results measure only the one with this `name`")
	f.IntVar(&c.pairs, "beside", 0, "compare polling with sleeping at once beside busy processes, by this `number` of pairs of\n"+
		"windows for each workload: "+strings.Join(inWindows, ", "))
	f.IntVar(&c.busy, "busy", runtime.NumCPU(), "with -beside: the `number` of busy processes")
	f.DurationVar(&c.window, "window", 30*time.Millisecond, "with -beside: the `length` of a window")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		f.SetOutput(out)
		f.PrintDefaults()
		return c, err
	case err != nil:
		return c, fmt.Errorf("%w; -help lists the flags", err)
	case f.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q; -help lists the flags", f.Arg(0))
	}
	if *quick {
		c.plan = quickPlan
		if !given(f, "runs") {
			c.runs = 1
		}
	}
	if c.runs < 1 {
		return c, fmt.Errorf("-runs %d: it must be at least 1", c.runs)
	}
	for name, file := range map[string]string{"json": c.json, "plot": c.plot} { // before the measurement, which takes a while
		if file == "" {
			continue
		}
		if err := output.CanWrite(file); err != nil {
			return c, fmt.Errorf("-%s %s: %w", name, file, err)
		}
	}
	if c.pairs > 0 && !given(f, "work") {
		*works = strings.Join(inWindows, ",")
	}
	for w := range strings.SplitSeq(*works, ",") {
		if !slices.Contains(workloads, w) && !slices.Contains(longer, w) {
			return c, fmt.Errorf("-work %s: no workload %q; there are %s", *works, w, allWorkloads())
		}
		if c.pairs > 0 && !slices.Contains(inWindows, w) {
			return c, fmt.Errorf("-beside with -work %s: that can be done with %s", w, strings.Join(inWindows, ", "))
		}
		c.works = append(c.works, w)
	}
	if c.plot != "" {
		c.works = append(c.works, "sizes")
	}
	return c, nil
}

// given says whether a command line has that flag.
func given(f *flag.FlagSet, name string) (yes bool) {
	f.Visit(func(g *flag.Flag) { yes = yes || g.Name == name })
	return yes
}

func main() {
	supervisor.RunChild() // before the flags: a child has the same ones
	c, err := parseFlags(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if c.peers == "busy" { // not a workload: one of the processes of beside
		count(os.Stdin, os.Stdout)
		return
	}
	if c.peers != "" {
		o := order{work: c.peers, only: c.only, calls: c.calls}
		spec.Run(func(ctx context.Context, sup *supervisor.Supervisor) error { return asPeer(ctx, sup, o, os.Stdout) })
		return
	}
	out := output.To(os.Stdout)
	if c.pairs > 0 {
		err = beside(c, out)
	} else {
		err = table(c, out, os.Stderr)
	}
	if err = cmp.Or(err, out.Err()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// hangGuard bounds one run of one workload, which takes a few seconds.
const hangGuard = 80 * time.Second

// resultMark begins the line with the results.
const resultMark = "@@RES "

// asPeer does one workload once and prints what it measured as the one line
// that begins with @@RES.
func asPeer(ctx context.Context, sup *supervisor.Supervisor, o order, out io.Writer) (err error) {
	if o.plan, err = planFromEnv(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, hangGuard)
	defer cancel()
	rs, err := runWork(ctx, sup, o)
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
