package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// runIdle makes mailboxes that nobody sends to, of actors in place and of processes. It
// measures their CPU and memory while nothing happens: first unused, and again after each
// was asked once and so has lanes.
func runIdle(ctx context.Context, sup *supervisor.Supervisor, o order) (all []Result, err error) {
	for _, part := range []struct {
		name  string
		child supervisor.Child
		n     int
	}{
		{"idle processes", supervisor.Child{Stderr: io.Discard}, o.plan.Procs},
		{"idle in place", supervisor.Child{InPlace: true}, o.plan.Boxes},
	} {
		if o.only != "" && !strings.HasPrefix(o.only, part.name) {
			continue
		}
		rs, err := atRest(ctx, sup, part.name, part.child, part.n, o.plan.Rest)
		if err != nil {
			return nil, err
		}
		all = append(all, rs...)
	}
	return all, nil
}

func atRest(ctx context.Context, sup *supervisor.Supervisor, name string, child supervisor.Child, n int, rest time.Duration) ([]Result, error) {
	// The first one allocates what all share.
	child.Name = name
	first, err := supervisor.StartChild(ctx, sup, starter, child)
	if err == nil {
		_, err = actor.Ask(ctx, first, WhoAreYou{})
	}
	if err != nil {
		return nil, err
	}
	before := held()
	refs := make([]actor.Ref[Starter], n)
	for i := range refs {
		child.Name = fmt.Sprintf("%s %d", name, i)
		if refs[i], err = supervisor.StartChild(ctx, sup, starter, child); err != nil {
			return nil, fmt.Errorf("%s: %d: %w", name, i, err)
		}
	}
	unused := rested(name, n, before, sup, rest)
	for _, r := range refs {
		if _, err := actor.Ask(ctx, r, WhoAreYou{}); err != nil {
			return nil, err
		}
	}
	asked := rested(name+", asked", n, before, sup, rest)
	for _, r := range append(refs, first) {
		if err := sup.Terminate(ctx, r.ID); err != nil {
			return nil, err
		}
	}
	return []Result{unused, asked}, nil
}

// rested measures while all processes have nothing to do.
func rested(work string, n int, before holding, sup *supervisor.Supervisor, rest time.Duration) Result {
	debug.FreeOSMemory() // garbage must not count
	time.Sleep(rest / 5)
	pids := processes(sup)
	begun, cpu := time.Now(), cpuTime(pids)
	time.Sleep(rest)
	used := float64(cpuTime(pids)-cpu) / float64(time.Since(begun))
	now := held()
	each := func(a, b int) float64 { return float64(a-b) / float64(n) }
	return Result{Work: work, N: n, Idle: &Idle{
		CPU:         used,
		Resident:    each(now.resident, before.resident),
		Threads:     now.threads,
		Descriptors: each(now.descriptors, before.descriptors),
		Mappings:    each(now.mappings, before.mappings),
	}}
}

// holding is what this process has.
type holding struct{ resident, threads, descriptors, mappings int } // bytes; counts

// held reads it from /proc; where there is none, it is all zero.
func held() (h holding) {
	debug.FreeOSMemory()
	rollup, _ := os.ReadFile("/proc/self/smaps_rollup")
	for line := range strings.Lines(string(rollup)) {
		var kib int
		name, figure, _ := strings.Cut(line, ":")
		if strings.HasPrefix(name, "Private_") || strings.HasPrefix(name, "Shared_") {
			_, _ = fmt.Sscan(figure, &kib)
			h.resident += kib << 10
		}
	}
	count := func(dir string) int {
		entries, _ := os.ReadDir(dir)
		return len(entries)
	}
	h.threads, h.descriptors = count("/proc/self/task"), count("/proc/self/fd")
	maps, _ := os.ReadFile("/proc/self/maps")
	h.mappings = strings.Count(string(maps), "\n")
	return h
}
