package main

import (
	"io"
	"os"
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
	Blob: time.Millisecond, Fan: 4 * time.Millisecond, Idle: 3, Spawn: 1}

// TestWorkloads runs each workload as another program would.
func TestWorkloads(t *testing.T) {
	want := map[string][]string{
		"echo": {"echo"}, "echo-idle": {"echo-idle"}, "ask": {"ask flat", "ask"},
		"flood": {"flood"}, "tell": {"tell"}, "fanin": {"fanin"},
		"blob": {
			"blob 64 KiB touch", "blob 1 MiB touch", "blob 16 MiB touch",
			"blob 64 KiB copy", "blob 1 MiB copy", "blob 16 MiB copy",
			"blob 64 KiB plain", "blob 1 MiB plain", "blob 16 MiB plain",
		},
		"spawn": {"spawn", "spawn restart"},
	}
	for _, w := range workloads {
		t.Run(w, func(t *testing.T) {
			rs, err := runFresh(w, tinyPlan)
			if err != nil {
				t.Fatal(err)
			}
			if len(rs) != len(want[w]) {
				t.Fatalf("%+v, want %v", rs, want[w])
			}
			for i, r := range rs {
				if r.Work != want[w][i] || r.N == 0 || r.P50+r.Rate <= 0 {
					t.Errorf("%+v, want a complete %s", r, want[w][i])
				}
			}
		})
	}
}

func TestNoWorkload(t *testing.T) {
	if rs, err := runFresh("gossip", tinyPlan); err == nil {
		t.Errorf("%+v", rs)
	}
	if c, err := parseFlags([]string{"-work", "echo,gossip"}, io.Discard); err == nil {
		t.Errorf("%+v", c)
	}
}
