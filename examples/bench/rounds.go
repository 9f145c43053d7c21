package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"
)

// table runs every workload as often as c says, and reports.
func table(c config, out, progress io.Writer) error {
	runtime.LockOSThread() // children die with the thread that started them
	m := thisMachine()
	all, err := rounds(c, m, progress)
	if err != nil {
		return err
	}
	if c.calls {
		calls, err := callsOf(all, c.plan, progress)
		if err != nil {
			return err
		}
		all = append(all, calls...)
	}
	m.watched()
	report(out, all)
	fmt.Fprintf(out, "\n%s\n", m)
	if c.json != "" {
		b, err := json.MarshalIndent(struct {
			*machine
			Results []Result `json:"results"`
		}{m, all}, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.json, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	if c.plot != "" {
		return os.WriteFile(c.plot, plot(all, m.String()), 0o644)
	}
	return nil
}

// rounds runs all workloads in turn, repeatedly, so that a drift of the machine affects
// all alike.
func rounds(c config, m *machine, progress io.Writer) (all []Result, err error) {
	for run := 1; run <= c.runs; run++ {
		for _, w := range c.works {
			fmt.Fprintf(progress, "run %d of %d: %s\n", run, c.runs, w)
			if d := distance(); d > 0 {
				m.Distances = append(m.Distances, d)
			}
			rs, err := runFresh(c.plan, w)
			if err != nil {
				return nil, err
			}
			for _, r := range rs {
				r.Run = run
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// callsOf counts the system calls of everything that has been measured, once.
func callsOf(all []Result, p Plan, progress io.Writer) (calls []Result, err error) {
	var done []string
	for _, r := range all {
		w := workOf(r.Work)
		if r.Ops == 0 || slices.Contains(done, r.Work) {
			continue
		}
		done = append(done, r.Work)
		fmt.Fprintf(progress, "system calls: %s\n", r.Work)
		rs, err := runFresh(p, w, "-syscalls", "-only", r.Work)
		if err != nil {
			return nil, err
		}
		calls = append(calls, rs...)
	}
	return calls, nil
}

// runFresh does one workload once, in fresh processes: it starts this program in the way
// another program would, with -peers.
func runFresh(p Plan, work string, more ...string) ([]Result, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	plan, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	const startAndEnd = 20 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard+startAndEnd)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, append([]string{"-peers", work}, more...)...)
	cmd.Env = append(os.Environ(), planVar+"="+string(plan))
	cmd.SysProcAttr = dieWithParent()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", work, err, stderr.Bytes())
	}
	return parseResults(stdout.Bytes(), work)
}

// parseResults takes the one line that a run prints.
func parseResults(line []byte, work string) (rs []Result, err error) {
	body, ok := bytes.CutPrefix(line, []byte(resultMark))
	if !ok {
		return nil, fmt.Errorf("%s: printed %q, and no result", work, line)
	}
	if err := json.Unmarshal(body, &rs); err != nil {
		return nil, fmt.Errorf("%s: printed %q: %w", work, line, err)
	}
	if len(rs) == 0 {
		return nil, fmt.Errorf("%s: no result", work)
	}
	return rs, nil
}
