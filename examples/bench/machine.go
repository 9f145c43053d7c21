package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is where and when something was measured.
type machine struct {
	Processor string  `json:"machine"`
	Kernel    string  `json:"kernel"`
	Go        string  `json:"go"`
	CPUs      int     `json:"cpus"`
	Steal     float64 `json:"steal_percent"` // CPU time that the host stole from this machine
	Date      string  `json:"date"`

	// Before each run, ns: a line of memory to another processor and back.
	Distances []float64 `json:"line_ns"`

	ticks [2]int64
}

// thisMachine begins to watch the host.
func thisMachine() *machine {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	stat, _ := os.ReadFile("/proc/stat")
	m := &machine{Processor: modelName(string(cpuinfo)), Kernel: runtime.GOOS + " " + strings.TrimSpace(string(kernel)),
		Go: runtime.Version(), CPUs: runtime.NumCPU(), Date: time.Now().UTC().Format(time.RFC3339)}
	m.ticks[0], m.ticks[1] = stolen(string(stat))
	return m
}

// watched ends it.
func (m *machine) watched() {
	stat, _ := os.ReadFile("/proc/stat")
	steal, all := stolen(string(stat))
	m.Steal = 100 * float64(steal-m.ticks[0]) / float64(max(1, all-m.ticks[1]))
}

func (m *machine) String() string {
	s := fmt.Sprintf("%s, %d CPUs, %s, %s; CPU time stolen by the host: %.1f %%", m.Processor, m.CPUs, m.Kernel, m.Go, m.Steal)
	if d := spreadOf(m.Distances); d.max > 0 {
		s += fmt.Sprintf("; a line of memory to another CPU and back: %s (%s - %s)", ns(d.median), ns(d.min), ns(d.max))
	}
	return s
}

func modelName(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

// stolen reads /proc/stat: the stolen time, and all time.
func stolen(stat string) (steal, all int64) {
	line, _, _ := strings.Cut(stat, "\n")
	for i, f := range strings.Fields(line) {
		n, _ := strconv.ParseInt(f, 10, 64) // the first field is a name
		all += n
		if i == 8 {
			steal = n
		}
	}
	return steal, all
}
