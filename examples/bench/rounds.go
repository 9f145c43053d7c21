package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// table runs every workload as often as c says, in turns, so that a drift of
// the machine hits all alike, and reports.
func table(c config, out, progress io.Writer) error {
	runtime.LockOSThread() // children die with the thread that started them
	var all []Result
	for run := 1; run <= c.runs; run++ {
		for _, w := range c.works {
			fmt.Fprintf(progress, "run %d of %d: %s\n", run, c.runs, w)
			rs, err := runFresh(w, c.plan)
			if err != nil {
				return err
			}
			for _, r := range rs {
				r.Run = run
				all = append(all, r)
			}
		}
	}
	report(out, all)
	if c.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.json, append(b, '\n'), 0o644)
}

// runFresh does one workload once, in fresh processes: this program again, as
// another program would start it to have it among its peers.
func runFresh(work string, p Plan) ([]Result, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	plan, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangGuard*5/4)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-peers", work)
	cmd.Env = append(os.Environ(), planVar+"="+string(plan))
	cmd.SysProcAttr = dieWithParent()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", work, err, stderr.Bytes())
	}
	return parseResults(&stdout, work)
}

// parseResults finds the one line that counts.
func parseResults(r io.Reader, work string) (rs []Result, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		if l, ok := strings.CutPrefix(sc.Text(), resultMark); ok {
			if err := json.Unmarshal([]byte(l), &rs); err != nil {
				return nil, fmt.Errorf("%s: %w", work, err)
			}
		}
	}
	if err == nil && len(rs) == 0 {
		err = fmt.Errorf("%s: no result", work)
	}
	return rs, err
}
