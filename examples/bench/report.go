package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// column is one figure of a table. A value of zero was not measured, unless the function
// measured says otherwise.
type column struct {
	title    string
	get      func(Result) float64
	show     func(float64) string
	all      bool // min and max besides the median, if there is more than one run
	measured func(Result) bool
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

func begins(prefix string) func(string) bool {
	return func(w string) bool { return strings.HasPrefix(w, prefix) }
}

func rests(r Result) bool { return r.Idle != nil }

func timed(r Result) bool { return r.Ops > 0 && r.Calls == 0 }

// The columns.
var (
	p50     = column{title: "p50", get: func(r Result) float64 { return r.P50 }, show: ns, all: true}
	p99     = column{title: "p99", get: func(r Result) float64 { return r.P99 }, show: ns, all: true}
	mean    = column{title: "mean", get: func(r Result) float64 { return r.Mean }, show: ns}
	rate    = column{title: "messages/s", get: func(r Result) float64 { return r.Rate }, show: perSecondText, all: true}
	bytesPS = column{title: "GB/s", get: func(r Result) float64 { return r.Rate }, show: decimals, all: true}
	cpu     = column{title: "CPU/op", get: func(r Result) float64 { return r.CPU }, show: ns}
	allocs  = column{title: "allocs/op", get: func(r Result) float64 { return float64(r.Mallocs) / float64(r.Ops) }, show: decimals, measured: timed}
	calls   = column{title: "system calls/op", get: func(r Result) float64 { return float64(r.Calls) / max(1, float64(r.Ops)) }, show: fine}
	load    = column{title: "CPU", get: func(r Result) float64 { return r.Idle.CPU }, show: percent, all: true, measured: rests}
	memory  = column{title: "KiB each", get: func(r Result) float64 { return r.Idle.Resident / 1024 }, show: decimals, all: true, measured: rests}
	fds     = column{title: "descriptors each", get: func(r Result) float64 { return r.Idle.Descriptors }, show: decimals, measured: rests}
	maps    = column{title: "mappings each", get: func(r Result) float64 { return r.Idle.Mappings }, show: decimals, measured: rests}
	threads = column{title: "threads", get: func(r Result) float64 { return float64(r.Idle.Threads) }, show: thousands, measured: rests}
	slowest = column{title: "slowest sender", get: func(r Result) float64 { return r.Slowest }, show: share}
)

var sections = []section{
	{"Round trips of 64 bytes, one outstanding", named("echo", "echo-idle", "ask", "ask flat"), []column{p50, p99, mean, cpu, allocs, calls}},
	{"64 bytes one way, as fast as possible", named("flood", "tell", "fanin"), []column{rate, cpu, allocs, calls, slowest}},
	{"Large payloads one way (touch: lent; copy: lent, filled by copy; read: lent, and all of it is read; view: a []byte read in place; plain: a []byte)", begins("blob "), []column{bytesPS, cpu, allocs, calls}},
	{"Streams through 8 MiB, for each MiB (filled by copy; copy: read in place, by io.Copy; read: into a buffer)", begins("stream "), []column{bytesPS, cpu, allocs, calls}},
	{"A process, to its first reply (restart: from SIGKILL to the replacement's)", named("spawn", "spawn restart"), []column{p50}},
	{"Mailboxes to which nothing is sent (CPU of all processes, the rest of the root)", begins("idle "), []column{load, memory, fds, maps, threads}},
	{"A payload there and acknowledged, and payloads one way (bare: lent, untouched)", begins("sizes "), []column{p50, p99, bytesPS, cpu}},
}

// workOf is the workload that has a result of that name.
func workOf(result string) string { w, _, _ := strings.Cut(result, " "); return w }

// report prints the medians over the runs, with the smallest and the largest.
func report(w io.Writer, all []Result) {
	for _, s := range sections {
		s.report(w, all)
	}
}

func (s section) report(w io.Writer, all []Result) {
	var works []string
	var mine []Result
	for _, r := range all {
		if !s.has(r.Work) {
			continue
		}
		mine = append(mine, r)
		if !slices.Contains(works, r.Work) {
			works = append(works, r.Work)
		}
	}
	if len(works) == 0 {
		return
	}
	columns := s.columnsFor(mine)
	fmt.Fprintf(w, "\n%s\n", s.title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	widest := 0 // names stay on the left
	for _, work := range works {
		widest = max(widest, len(work))
	}
	fmt.Fprintf(t, "%*s", widest, "")
	for _, c := range columns {
		fmt.Fprintf(t, "\t%s", c.title)
		if c.all {
			fmt.Fprint(t, "\tmin - max")
		}
	}
	fmt.Fprintln(t, "\t")
	for _, work := range works {
		fmt.Fprintf(t, "%-*s", widest, work)
		of := slices.DeleteFunc(slices.Clone(mine), func(r Result) bool { return r.Work != work })
		for _, c := range columns {
			fmt.Fprint(t, "\t", c.cell(of))
		}
		fmt.Fprintln(t, "\t")
	}
	t.Flush()
}

// columnsFor returns the columns that have values.
func (s section) columnsFor(rs []Result) (columns []column) {
	runs := 0
	for _, r := range rs {
		runs = max(runs, r.Run)
	}
	for _, c := range s.columns {
		if c.all = c.all && runs > 1; len(c.values(rs)) > 0 {
			columns = append(columns, c)
		}
	}
	return columns
}

// values is the column's figure in each result that has it.
func (c column) values(rs []Result) (v []float64) {
	for _, r := range rs {
		if c.measured != nil && !c.measured(r) {
			continue
		}
		if x := c.get(r); x != 0 || c.measured != nil {
			v = append(v, x)
		}
	}
	return v
}

// cell is one figure of one workload over its runs.
func (c column) cell(rs []Result) string {
	v := c.values(rs)
	s := spreadOf(v)
	switch {
	case len(v) == 0 && c.all:
		return "\t"
	case len(v) == 0:
		return ""
	case !c.all:
		return c.show(s.median)
	}
	return fmt.Sprintf("%s\t%s - %s", c.show(s.median), c.show(s.min), c.show(s.max))
}

// ns shows a time of v nanoseconds, by three digits, in the unit that fits.
func ns(v float64) string { return inUnit(v, " ns", " µs", " ms", " s") }

func perSecondText(v float64) string { return inUnit(v, "", " k", " M", " G") }

// inUnit shows v in the first unit, of which each is a thousand of the one
// before, that needs at most three digits before the point.
func inUnit(v float64, units ...string) string {
	const mostInUnit = 999.5 // it is shown as 1000
	for v >= mostInUnit && len(units) > 1 {
		v, units = v/1e3, units[1:]
	}
	return decimals(v) + units[0]
}

func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// decimals shows v by three digits, and by two decimals where it is below 1.
func decimals(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func percent(v float64) string { return fmt.Sprintf("%.3f %%", 100*v) }

func fine(v float64) string {
	if v >= 1 {
		return decimals(v)
	}
	return fmt.Sprintf("%.5f", v)
}

func share(v float64) string { return fmt.Sprintf("%.2f of the mean", v) }
