package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/understudy-go/understudy/mailbox"
)

// printTable writes the tour for a terminal.
func printTable(out io.Writer, r result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "form\tawake\tasleep\trate\tGB/s\tcopies\tcalls\tcopied\tmap from\t")
	for _, s := range r.Stops {
		if s.Refused == nil {
			fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t%.2f\t%d\t%s\t%s\t%s\t\n", s.Kind, s.Name, timeText(s.Awake), timeText(s.Asleep), rateText(s.Rate), s.Bandwidth,
				s.CopiesHere(), s.CallsText(), bytesText(s.Copied), s.MeetsText())
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, s := range r.Stops {
		if s.Refused != nil {
			fmt.Fprintf(out, "%s %s: refused here: %v\n", s.Kind, s.Name, s.Refused)
		}
	}
	for _, s := range r.Stops {
		if s.SmallLeaves {
			fmt.Fprintf(out, "%s %s: %s\n", s.Kind, s.Name, smallLeaves)
		}
	}
	for _, why := range reasons(r) {
		fmt.Fprintf(out, "calls were not counted: %s\n", why)
	}
	fmt.Fprintf(out, "%s\n%s\n%s\n", r.CrossingText(), r.Mutex, r.File)
	_, err := fmt.Fprintf(out, "awake, asleep: there and answered, median, both processes awake or both asleep before; 64 bytes, at a segment %s, as for GB/s\n"+
		"map from: the payload from which a lent buffer, filled by copy, is not slower than []byte; the other columns: go doc ./examples/ipctour\n%s; the tour took %.1f s\n",
		sizeName(r.Bulk), r.Machine, r.Took.Seconds())
	return err
}

// reasons lists why system calls were not counted, each reason once, on one line.
func reasons(r result) (all []string) {
	seen := map[string]bool{}
	for _, s := range r.Stops {
		if s.NotCounted != "" && !seen[s.NotCounted] {
			seen[s.NotCounted] = true
			all = append(all, strings.Join(strings.Fields(s.NotCounted), " "))
		}
	}
	return all
}

const smallLeaves = "its entries are so small here that even 64 bytes leave in a segment, and only their address is queued"

// CopiesHere is how often a byte of a small message was copied.
func (s stop) CopiesHere() int {
	if s.SmallLeaves {
		return 2 // into the block and out of it
	}
	return s.Copies
}

// CallsText is the system calls of a trip in words.
func (s stop) CallsText() string {
	if s.NotCounted != "" {
		return "-"
	}
	return fmt.Sprintf("%.1f", s.Calls)
}

// MeetsText is where copy meets map, in words.
func (s stop) MeetsText() string {
	if n := mailbox.Meets(s.Sweep); n > 0 {
		return sizeName(n)
	}
	return "never here"
}

// CrossingText is where copy meets map on one processor, in words.
func (r result) CrossingText() string {
	lent := "no size that was measured"
	if n := r.Crossing.LentFrom(); n > 0 {
		lent = sizeName(n)
	}
	return fmt.Sprintf("copy or map, measured by mailbox.Measure in one process: a []byte is sent best in the entry of the queue up to %s, and in a block above; a lent buffer, filled by copy, is not slower than a []byte from %s on; by default a mailbox puts up to %s into the entry",
		sizeName(r.Crossing.Inline()), lent, sizeName(mailbox.DefaultInline))
}

func (m mutexStop) String() string {
	if m.Refused != nil {
		return fmt.Sprintf("mutex: refused here: %v", m.Refused)
	}
	return fmt.Sprintf("mutex: two processes at the same time added 1 to a number %d times each, with the mutex locked; the number is %d; %s for each addition", m.Each, m.Value, timeText(m.PerLock))
}

func (f fileStop) String() string {
	return fmt.Sprintf("file: %d open pipes were sent; to send one, read it to its end and answer takes %s", f.Sent, timeText(f.Took))
}

func timeText(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.2f µs", float64(d)/1e3)
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%.1f ms", float64(d)/1e6)
}

func rateText(v float64) string {
	if v >= 1e6 {
		return fmt.Sprintf("%.1f M/s", v/1e6)
	}
	return fmt.Sprintf("%.0f k/s", v/1e3)
}

func bytesText(n uint64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// sizeName is a power of two in words.
func sizeName(size int) string {
	switch {
	case size >= 1<<20:
		return fmt.Sprintf("%d MiB", size>>20)
	case size >= 1<<10:
		return fmt.Sprintf("%d KiB", size>>10)
	}
	return fmt.Sprintf("%d B", size)
}

// machine is where the figures are from.
func machine() string {
	name := runtime.GOARCH
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(cpuinfo)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			name = strings.TrimSpace(v)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.Join(strings.Fields(fmt.Sprintf("%s, %d CPUs, %s %s, %s", name, runtime.NumCPU(), runtime.GOOS, bytes.TrimSpace(kernel), runtime.Version())), " ")
}
