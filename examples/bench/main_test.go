package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// TestMain: this binary is also the program, and each of its children.
func TestMain(m *testing.M) {
	supervisor.RunChild()
	if len(os.Args) > 1 && os.Args[1] == "-peers" {
		main()
		return
	}
	os.Exit(m.Run())
}

var tinyPlan = Plan{WarmN: 20, Warm: time.Millisecond, Echo: 4 * time.Millisecond, Flood: 4 * time.Millisecond,
	Blob: time.Millisecond, Stream: 8 << 20, Fan: 4 * time.Millisecond, Idle: 3, Spawn: 2, Rest: time.Millisecond, Boxes: 3, Procs: 1}

// TestTable runs every workload as a person would, and with it as another
// program would: the table's runs are such. Every result must be there and
// complete.
func TestTable(t *testing.T) {
	dir := t.TempDir()
	c := config{works: slices.Clone(workloads), runs: 1, plan: tinyPlan, json: filepath.Join(dir, "r.json")}
	if !testing.Short() {
		c.works, c.plot = append(c.works, "idle", "sizes"), filepath.Join(dir, "p.svg")
	}
	var out bytes.Buffer
	if err := table(c, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var file struct {
		CPUs    int
		Results []Result
	}
	b, err := os.ReadFile(c.json)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out.Bytes())
	want := []string{"echo", "echo-idle", "ask flat", "ask", "flood", "tell", "fanin",
		"blob 64 KiB touch", "blob 1 MiB touch", "blob 16 MiB touch",
		"blob 64 KiB copy", "blob 1 MiB copy", "blob 16 MiB copy",
		"blob 64 KiB plain", "blob 1 MiB plain", "blob 16 MiB plain",
		"stream copy", "stream read",
		"spawn", "spawn restart"}
	if c.plot != "" {
		want = append(want, "idle processes", "idle processes, asked", "idle in place", "idle in place, asked")
		for _, size := range plotSizes {
			for _, s := range lines {
				want = append(want, sizesName(size, s.way))
			}
		}
		svg, err := os.ReadFile(c.plot)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, svg)
	}
	if len(file.Results) != len(want) || file.CPUs == 0 {
		t.Fatalf("%d results, want %d: %s", len(file.Results), len(want), b)
	}
	for i, r := range file.Results {
		complete(t, r, want[i])
		if !strings.Contains(out.String(), "\n"+r.Work+" ") {
			t.Errorf("the table has no row %q", r.Work)
		}
	}
}

// complete checks that a result has what its workload measures.
func complete(t *testing.T, r Result, work string) {
	t.Helper()
	trip := r.P50 > 0 && r.P99 >= r.P50
	ok := r.Work == work && r.Run == 1 && r.N > 0
	switch workOf(work) {
	case "echo", "echo-idle", "ask":
		ok = ok && trip && r.Mean > 0 && r.CPU > 0 && r.Ops >= uint64(r.N)
	case "flood", "tell", "blob", "stream":
		ok = ok && r.Rate > 0 && r.CPU > 0 && r.Ops > uint64(r.N)
	case "fanin":
		ok = ok && r.Rate > 0 && r.Slowest > 0 && r.Slowest <= 1 && r.N >= fanSenders && r.Ops > uint64(r.N)
	case "spawn":
		ok = ok && r.P50 > 0
	case "idle":
		ok = ok && r.Idle != nil && r.Idle.Threads > 0 && (r.Idle.Descriptors >= 1 || r.Work == "idle in place")
	case "sizes":
		ok = ok && trip && (r.Rate > 0) != strings.HasSuffix(work, bare)
	}
	if !ok {
		t.Errorf("%+v, want a complete %s", r, work)
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	root := ""
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		if s, ok := tok.(xml.StartElement); ok && root == "" {
			root = s.Name.Local
		}
	}
	if root != "svg" || bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Errorf("%s", svg)
	}
}

// TestPlot draws invented figures, hostile ones too.
func TestPlot(t *testing.T) {
	var all []Result
	for run := range 2 {
		for _, size := range plotSizes {
			for i, s := range lines {
				all = append(all, Result{Work: sizesName(size, s.way), Run: run, P50: 1000 * math.Sqrt(float64(size*(i+1))), Rate: float64(size) / 1e6})
			}
		}
	}
	svg := plot(all, `a <b> & "c"`)
	wellFormed(t, svg)
	if n := bytes.Count(svg, []byte("<circle")); n != 2*len(lines)*len(plotSizes) {
		t.Errorf("%d points", n)
	}
	wellFormed(t, plot(nil, ""))
	wellFormed(t, plot([]Result{{Work: sizesName(64, plain), P50: 1000, Rate: 1}}, ""))
}

// TestBeside: the comparison of polling and not polling tells two ratios for each
// workload, and what it is beside of really is busy.
func TestBeside(t *testing.T) {
	var out bytes.Buffer
	if err := beside(config{works: []string{"echo", "flood"}, pairs: 2, plan: tinyPlan}, &out); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out.Bytes())
	const ratio = `\d+\.\d{3} \[\d+\.\d{3}, \d+\.\d{3}\]`
	line := `messages a second ` + ratio + `, work of the others ` + ratio + "\n"
	if !regexp.MustCompile(`(?m)^echo: ` + line + `^flood: ` + line).Match(out.Bytes()) {
		t.Errorf("%s, want two ratios for each workload", out.Bytes())
	}
	if err := beside(config{works: []string{"spawn"}, pairs: 1, plan: tinyPlan}, io.Discard); err == nil {
		t.Error("starts have no rate to compare")
	}
	b, err := startBusy()
	if err != nil {
		t.Fatal(err)
	}
	defer b.end()
	for last := 0.0; last < 2; { // it goes on, by steps and not by leaps
		n, err := total([]*busy{b})
		if err != nil || n < last || n > last+1e6 {
			t.Fatalf("a busy process has counted to %v, after %v: %v", n, last, err)
		}
		last = n
	}
	if got, want := interval([]float64{math.Log(2), math.Log(8)}), "4.000 [1.000, 16.000]"; got != want {
		t.Errorf("2 and 8 are %s, want %s", got, want)
	}
}

// TestRefusals: what is not measured is an error that says why, and never an
// empty table.
func TestRefusals(t *testing.T) {
	if rs, err := runFresh(tinyPlan, "gossip"); err == nil || !strings.Contains(err.Error(), `no workload "gossip"`) {
		t.Errorf("%+v, %v", rs, err)
	}
	for _, args := range []string{"-work echo,gossip", "-work=", "-runs 0", "echo", "-no-such-flag"} {
		if c, err := parseFlags(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s: %+v", args, c)
		}
	}
	if _, err := parseFlags([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, line := range []string{"", "hello\n", "hello\n@@RES []\n", "@@RES [\n", "@@RES []\n", "@@RES [{}]\nhello\n"} {
		if rs, err := parseResults([]byte(line), "echo"); err == nil {
			t.Errorf("%q: %+v", line, rs)
		}
	}
	t.Setenv(planVar, "{")
	if p, err := planFromEnv(); err == nil {
		t.Errorf("%+v", p)
	}
}
