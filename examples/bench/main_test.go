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
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// programVar makes the test binary the program.
const programVar = "EXAMPLE_TEST_PROGRAM"

// TestMain: this binary is also the program, and each of its children.
func TestMain(m *testing.M) {
	supervisor.RunChild()
	if os.Getenv(programVar) != "" {
		main()
		return
	}
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
	testutil.Descriptors(t, 128)
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
		"blob 64 KiB read", "blob 1 MiB read", "blob 16 MiB read",
		"blob 64 KiB view", "blob 1 MiB view", "blob 16 MiB view",
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
		if !strings.Contains(out.String(), "\n  "+r.Work+" ") {
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
	c := config{works: []string{"echo", "ask", "flood", "fanin"}, pairs: 3, busy: 1, window: 3 * time.Millisecond, plan: tinyPlan}
	if testing.Short() {
		c.works = []string{"echo", "flood"}
	}
	if err := beside(c, &out); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out.Bytes())
	// On a slow machine a window may have nothing in it.
	const n = `(\d+\.\d{3}|NaN|\+Inf)`
	const ratio = n + ` \[` + n + `, ` + n + `\], ` + n
	for _, work := range c.works {
		if !regexp.MustCompile(`(?m)^` + work + `: [\d,]+/s without; with ` + ratio + `; work of the others ` + ratio + "$").Match(out.Bytes()) {
			t.Errorf("%s, want two ratios for %s", out.Bytes(), work)
		}
	}
	c.works = []string{"spawn"}
	if err := beside(c, io.Discard); err == nil {
		t.Error("starts are not done in windows")
	}
	b, err := startBusy()
	if err != nil {
		t.Fatal(err)
	}
	defer b.end()
	w := &Windows{Start: monotonic(), Each: time.Millisecond, Polls: make([]bool, 20)}
	for w.at(monotonic()) < len(w.Polls) {
		runtime.Gosched()
	}
	sum := make([]int, len(w.Polls))
	for counted := 0; counted == 0; w.Each *= 2 { // it may have started late
		if err := b.add(sum, w); err != nil {
			t.Fatal(err)
		}
		for _, n := range sum {
			counted += n
		}
	}
}

// TestWindows: the figures of invented windows.
func TestWindows(t *testing.T) {
	w := &Windows{Start: 100, Each: 10, Polls: []bool{true, false, false, true}}
	for now, want := range map[int64]int{0: -1, 99: -1, 100: 0, 109: 0, 110: 1, 139: 3, 140: 4, 1000: 4} {
		if got := w.at(now); got != want {
			t.Errorf("%d is in window %d, want %d", now, got, want)
		}
	}
	ps := inPairs([]int{30, 10, 20, 40}, w.Polls)
	if !slices.Equal(ps, []pair{{30, 10}, {40, 20}}) {
		t.Errorf("%v", ps)
	}
	if got, want := ratios(ps), "2.333 [2.333, 2.333], 2.500"; got != want { // one block
		t.Errorf("%s, want %s", got, want)
	}
	if got := perSecond(ps, 10*time.Millisecond); got != 1500 {
		t.Errorf("%v a second", got)
	}
	y := &tally{begun: 5e6}
	y.note(5e6+1, 1)
	y.note(7e6, 4)
	for at, want := range map[int64]int{0: 1, 5e6: 1, 6e6: 4, 7e6: 4, 9e6: 4} {
		if got := y.until(at); got != want {
			t.Errorf("counted to %d at %d, want %d", got, at, want)
		}
	}
}

// TestFlags: flags that change what others mean.
func TestFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]struct {
		runs  int
		works string
	}{
		"-work echo":                 {3, "echo"},
		"-quick -work echo":          {1, "echo"},
		"-quick -runs 5 -work echo":  {5, "echo"},
		"-beside 3":                  {3, "echo,ask,flood,fanin"},
		"-beside 3 -work flood":      {3, "flood"},
		"-work idle -plot plot.svg":  {3, "idle,sizes"},
		"-work echo -json some.json": {3, "echo"},
	} {
		c, err := parseFlags(strings.Fields(args), io.Discard)
		if got := strings.Join(c.works, ","); err != nil || c.runs != want.runs || got != want.works {
			t.Errorf("%s: %d runs of %s, %v; want %d of %s", args, c.runs, got, err, want.runs, want.works)
		}
	}
}

// TestRefusals: what is not measured is an error that says why, and never an
// empty table.
func TestRefusals(t *testing.T) {
	if rs, err := runFresh(tinyPlan, "gossip"); err == nil || !strings.Contains(err.Error(), `no workload "gossip"; there are echo, `) {
		t.Errorf("%+v, %v", rs, err)
	}
	for _, args := range []string{"-work echo,gossip", "-work=", "-runs 0", "echo", "-no-such-flag", "-beside 3 -work echo,spawn",
		"-json /no/such/folder/x.json", "-plot /no/such/folder/x.svg", "-json /proc/x.json", "-plot /proc"} {
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

// TestPrintsNothing: who cannot print its table has failed.
func TestPrintsNothing(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := exec.Command(os.Args[0], "-quick", "-work", "echo")
	cmd.Env, cmd.Stdout = append(os.Environ(), programVar+"=1"), full
	err = cmd.Run()
	if x := new(exec.ExitError); !errors.As(err, &x) || x.ExitCode() != 1 {
		t.Fatalf("%v", err)
	}
}
