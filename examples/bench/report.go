package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// column is one figure of a table.
type column struct {
	title string
	get   func(Result) float64
	show  func(float64) string
	all   bool // min and max besides the median
}

// section is one table: workloads that have the same figures.
type section struct {
	title   string
	has     func(work string) bool
	columns []column
}

func named(works ...string) func(string) bool {
	return func(w string) bool { return slices.Contains(works, w) }
}

var sections = []section{
	{"Round trips of 64 bytes, one outstanding", named("echo", "echo-idle", "ask", "ask flat"), []column{
		{"p50", func(r Result) float64 { return r.P50 }, ns, true},
		{"p99", func(r Result) float64 { return r.P99 }, ns, true},
		{"mean", func(r Result) float64 { return r.Mean }, ns, false},
		{"CPU/trip", func(r Result) float64 { return r.CPU }, ns, false},
	}},
	{"One way, 64 bytes, as fast as possible", named("flood", "tell", "fanin"), []column{
		{"messages/s", func(r Result) float64 { return r.Rate }, thousands, true},
		{"CPU/message", func(r Result) float64 { return r.CPU }, ns, false},
		{"slowest sender", func(r Result) float64 { return r.Slowest }, share, false},
	}},
	{"Large payloads one way (touch: lent; copy: lent and filled by copy; plain: a []byte)", func(w string) bool { return strings.HasPrefix(w, "blob ") }, []column{
		{"GB/s", func(r Result) float64 { return r.Rate }, decimals, true},
		{"CPU/message", func(r Result) float64 { return r.CPU }, ns, false},
	}},
	{"A process, to its first reply (restart: from SIGKILL to the replacement's)", named("spawn", "spawn restart"), []column{
		{"p50", func(r Result) float64 { return r.P50 }, ns, true},
	}},
}

// report prints the medians over the runs, with the smallest and the largest.
func report(w io.Writer, all []Result) {
	for _, s := range sections {
		var works []string
		for _, r := range all {
			if s.has(r.Work) && !slices.Contains(works, r.Work) {
				works = append(works, r.Work)
			}
		}
		if len(works) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", s.title)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, c := range s.columns {
			fmt.Fprintf(t, "\t%s", c.title)
			if c.all {
				fmt.Fprint(t, "\t(min - max)")
			}
		}
		fmt.Fprintln(t)
		for _, work := range works {
			fmt.Fprint(t, work)
			for _, c := range s.columns {
				fmt.Fprint(t, "\t", c.cell(work, all))
			}
			fmt.Fprintln(t)
		}
		t.Flush()
	}
}

// cell is one figure of one workload. What was not measured stays empty.
func (c column) cell(work string, all []Result) string {
	var v []float64
	for _, r := range all {
		if x := c.get(r); r.Work == work && x != 0 {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		if c.all {
			return "\t"
		}
		return ""
	}
	s := spreadOf(v)
	if !c.all {
		return c.show(s.median)
	}
	return fmt.Sprintf("%s\t(%s - %s)", c.show(s.median), c.show(s.min), c.show(s.max))
}

// ns shows a time in the unit that fits.
func ns(v float64) string {
	switch {
	case v < 1e4:
		return fmt.Sprintf("%.0f ns", v)
	case v < 1e6:
		return fmt.Sprintf("%.1f µs", v/1e3)
	}
	return fmt.Sprintf("%.1f ms", v/1e6)
}

func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func decimals(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func share(v float64) string { return fmt.Sprintf("%.2f of the mean", v) }
