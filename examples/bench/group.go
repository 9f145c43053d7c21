package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// spec is that of every run. Restarts are what the workload spawn is about;
// in the others a death ends the run.
var spec = supervisor.Spec{Intensity: supervisor.MaxIntensity, Log: slog.New(slog.DiscardHandler)}

const fanSenders = 8

// workloads are all, in the order of the report.
var workloads = []string{"echo", "echo-idle", "ask", "flood", "tell", "fanin", "blob", "spawn"}

// outcomes is where the collector of this process puts what it is told.
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
func runWork(ctx context.Context, sup *supervisor.Supervisor, work string, p Plan) ([]Result, error) {
	if !slices.Contains(workloads, work) {
		return nil, fmt.Errorf("no workload %q; there are %v", work, workloads)
	}
	if work == "spawn" {
		return runSpawn(ctx, sup, p)
	}
	n := 1
	if work == "fanin" {
		n = fanSenders
	}
	g := &group{ctx: ctx, sup: sup, deaths: make(chan actor.Down, n+1)}
	jobs, senders, err := g.start(work, n, p)
	if err != nil {
		return nil, err
	}
	for i, s := range senders {
		if err := actor.Tell(ctx, s, jobs[i]); err != nil {
			return nil, err
		}
	}
	return g.collect(n, work)
}

// group is the processes of one run.
type group struct {
	ctx    context.Context
	sup    *supervisor.Supervisor
	deaths chan actor.Down
}

func (g *group) start(work string, n int, p Plan) (jobs []Begin, senders []actor.Ref[Sender], err error) {
	heard, err := supervisor.StartChild(g.ctx, g.sup, collector, supervisor.Child{InPlace: true})
	if err != nil {
		return nil, nil, err
	}
	to, err := startOne(g, receiver, "receiver")
	if err != nil {
		return nil, nil, err
	}
	for i := range n {
		s, err := startOne(g, sender, fmt.Sprintf("sender-%d", i))
		if err != nil {
			return nil, nil, err
		}
		senders = append(senders, s)
		jobs = append(jobs, Begin{Work: work, Plan: p, Index: uint8(i), To: to, Collector: heard})
	}
	pids := []int{os.Getpid()}
	for _, c := range g.sup.Children() {
		if c.PID != 0 && !slices.Contains(pids, c.PID) {
			pids = append(pids, c.PID)
		}
	}
	for i := range jobs {
		jobs[i].PIDs = pids
	}
	return jobs, senders, nil
}

// startOne starts an actor in a process of its own, whose death ends the run.
func startOne[P any](g *group, def *actor.Definition[P], name string) (actor.Ref[P], error) {
	ref, err := supervisor.StartChild(g.ctx, g.sup, def,
		supervisor.Child{Name: name, Restart: supervisor.Temporary, Stderr: io.Discard})
	if err != nil {
		return ref, err
	}
	notice, _, err := actor.Monitor(g.ctx, ref)
	if err != nil {
		return ref, err
	}
	go func() {
		if d, ok := <-notice; ok {
			select {
			case g.deaths <- d:
			default: // the run has ended
			}
		}
	}()
	return ref, nil
}

// collect waits until every sender has told its outcome.
func (g *group) collect(n int, work string) (out []Result, err error) {
	for range n {
		select {
		case o := <-outcomes:
			if o.Failed != "" {
				return nil, fmt.Errorf("%s: %s", work, o.Failed)
			}
			out = append(out, o.Results...)
		case d := <-g.deaths:
			return nil, fmt.Errorf("%s: a process died: %s\n%s", work, d.Exit.Summary, d.Exit.Stderr)
		case <-g.ctx.Done():
			return nil, fmt.Errorf("%s: %d of %d senders have not finished: %w", work, n-len(out), n, context.Cause(g.ctx))
		}
	}
	if work == "fanin" {
		out = []Result{together(out)}
	}
	return out, nil
}

// together makes one result of what senders measured at the same time: from
// the first one's start to the last one's end.
func together(all []Result) Result {
	r := Result{Work: "fanin", Start: all[0].Start, End: all[0].End}
	slowest := all[0].Rate
	var sum float64
	for _, x := range all {
		r.N += x.N
		r.Start, r.End = min(r.Start, x.Start), max(r.End, x.End)
		slowest = min(slowest, x.Rate)
		sum += x.Rate
	}
	r.Rate = float64(r.N) / (float64(r.End-r.Start) / 1e9)
	r.Slowest = slowest / (sum / float64(len(all)))
	r.Start, r.End = 0, 0
	return r
}
