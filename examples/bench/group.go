package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/examples/internal/perf"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// spec is the Spec of every run. Only the workload spawn restarts processes; in the others
// a death ends the run.
var spec = supervisor.Spec{Intensity: supervisor.MaxIntensity, Log: slog.New(slog.DiscardHandler)}

const fanSenders = 8

// workloads are those that are run unless some are chosen, in the order of the report.
// "sizes" is for the plot.
var workloads = []string{"echo", "echo-idle", "ask", "flood", "tell", "fanin", "blob", "stream", "spawn"}

// longer are those that run only if they are chosen.
var longer = []string{"idle"}

// allWorkloads lists both for people.
func allWorkloads() string { return strings.Join(slices.Concat(workloads, longer), ", ") }

// order is what one group of processes has to do.
type order struct {
	work  string
	only  string // of several results, this one; "" for all
	calls bool   // count system calls instead of time
	plan  Plan
}

// outcomes is where this process's collector puts what it is told.
var outcomes = make(chan Outcome, fanSenders)

// collector is an actor in the root process: it hears from the senders.
var collector = actor.Define("collector", func(s *actor.Setup[Collector]) error {
	actor.OnTell(s, func(c *actor.Context, o Outcome) error {
		outcomes <- o
		return nil
	})
	return nil
})

// runWork does one workload once, in the processes of this program.
func runWork(ctx context.Context, sup *supervisor.Supervisor, o order) ([]Result, error) {
	if o.work == "spawn" {
		return runSpawn(ctx, sup, o.plan)
	}
	if o.work == "idle" {
		return runIdle(ctx, sup, o)
	}
	if o.work != "sizes" && !slices.Contains(workloads, o.work) {
		return nil, fmt.Errorf("no workload %q; there are %s and sizes", o.work, allWorkloads())
	}
	n := 1
	if o.work == "fanin" {
		n = fanSenders
	}
	g := &group{ctx: ctx, sup: sup, deaths: make(chan actor.Down, n+1)}
	var box mailbox.Config
	if o.work == "stream" {
		box = streamPool
	}
	if err := g.start(n, box); err != nil {
		return nil, err
	}
	if o.calls {
		return g.countCalls(o)
	}
	return g.run(o)
}

// group is the processes of one run.
type group struct {
	ctx      context.Context
	sup      *supervisor.Supervisor
	receiver actor.Ref[Receiver]
	senders  []actor.Ref[Sender]
	heard    actor.Ref[Collector]
	pids     []int
	deaths   chan actor.Down
}

func (g *group) start(senders int, box mailbox.Config) (err error) {
	g.heard, err = supervisor.StartChild(g.ctx, g.sup, collector, supervisor.Child{InPlace: true})
	if err != nil {
		return err
	}
	if g.receiver, err = startOne(g, receiver, "receiver", box); err != nil {
		return err
	}
	for i := range senders {
		s, err := startOne(g, sender, fmt.Sprintf("sender-%d", i), mailbox.Config{})
		if err != nil {
			return err
		}
		g.senders = append(g.senders, s)
	}
	g.pids = processes(g.sup)
	return nil
}

// processes are this one and the children's.
func processes(sup *supervisor.Supervisor) []int {
	pids := []int{os.Getpid()}
	for _, c := range sup.Children() {
		if c.PID != 0 && !slices.Contains(pids, c.PID) {
			pids = append(pids, c.PID)
		}
	}
	return pids
}

// startOne starts an actor in its own process, whose death ends the run.
func startOne[P any](g *group, def *actor.Definition[P], name string, box mailbox.Config) (actor.Ref[P], error) {
	ref, err := supervisor.StartChild(g.ctx, g.sup, def,
		supervisor.Child{Name: name, Mailbox: box, Restart: supervisor.Temporary, Stderr: io.Discard})
	if err != nil {
		return ref, err
	}
	notice, _, err := actor.Monitor(g.ctx, ref)
	if err != nil {
		return ref, err
	}
	go func() {
		select {
		case d := <-notice:
			g.deaths <- d
		case <-g.sup.Done():
		}
	}()
	return ref, nil
}

// run starts the senders together, and waits for what they have measured.
func (g *group) run(o order) (out []Result, err error) {
	var before, after uint64
	if len(g.senders) > 1 { // who do not ask the receiver how much it allocates
		if before, err = actor.Ask(g.ctx, g.receiver, Usage{}); err != nil {
			return nil, err
		}
	}
	if w := o.plan.Windows; w != nil {
		w.Start = monotonic() + int64(windowLead)
	}
	for i, s := range g.senders {
		job := Begin{Work: o.work, Only: o.only, Plan: o.plan, Index: uint16(i), To: g.receiver, Collector: g.heard, PIDs: g.pids}
		if err := actor.Tell(g.ctx, s, job); err != nil {
			return nil, err
		}
	}
	for i := range g.senders {
		rs, err := g.next()
		if err != nil {
			return nil, fmt.Errorf("%s, with %d of %d senders done: %w", o.work, i, len(g.senders), err)
		}
		out = append(out, rs...)
	}
	if len(g.senders) > 1 {
		if after, err = actor.Ask(g.ctx, g.receiver, Usage{}); err != nil {
			return nil, err
		}
		r := together(out)
		r.Mallocs += after - before
		out = []Result{r}
	}
	return out, nil
}

// next waits for one sender's outcome.
func (g *group) next() ([]Result, error) {
	select {
	case o := <-outcomes:
		if o.Failed != "" {
			return nil, fmt.Errorf("%s", o.Failed)
		}
		return o.Results, nil
	case d := <-g.deaths:
		return nil, fmt.Errorf("a process died: %s\n%s", d.Exit.Summary, d.Exit.Stderr)
	case <-g.ctx.Done():
		return nil, context.Cause(g.ctx)
	}
}

// countCalls runs o and returns only how many system calls all processes made, for how
// many operations. Counting costs time, so the other figures would be wrong.
func (g *group) countCalls(o order) ([]Result, error) {
	k, err := perf.Count(g.pids)
	if err != nil {
		return nil, err
	}
	rs, err := g.run(o)
	calls, kerr := k.Stop()
	switch {
	case err != nil:
		return nil, err
	case kerr != nil:
		return nil, kerr
	case len(rs) != 1:
		return nil, fmt.Errorf("-syscalls counts for one result at a time, and %s has %d: choose one with -only", o.work, len(rs))
	}
	return []Result{{Work: rs[0].Work, Ops: rs[0].Ops, Calls: calls}}, nil
}

// together makes one result from what several senders measured at the same time, from the
// first one's start to the last one's end.
func together(all []Result) Result {
	r := Result{Work: all[0].Work, Counts: make([]int, len(all[0].Counts))}
	begun, end, slowest, sum := all[0].Start, all[0].End, all[0].Rate, 0.0
	for _, x := range all {
		r.N += x.N
		r.Ops += x.Ops
		r.Mallocs += x.Mallocs
		begun, end = min(begun, x.Start), max(end, x.End)
		for i, n := range x.Counts {
			r.Counts[i] += n
		}
		slowest = min(slowest, x.Rate)
		sum += x.Rate
	}
	if len(r.Counts) > 0 {
		r.Start = begun
		return r
	}
	r.Rate = float64(r.N) / (float64(end-begun) / 1e9)
	r.Slowest = slowest / (sum / float64(len(all)))
	return r
}
