package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// programVar makes the test binary the program.
const programVar = "EXAMPLE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	supervisor.RunChild()
	if os.Getenv(programVar) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTree kills processes for a while: each is there at the end, and every event
// is a line of JSON.
func TestTree(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var events, out bytes.Buffer
	spec := tree()
	spec.Log = slog.New(slog.DiscardHandler)
	spec.OnEvent = printer(true, &events)
	sup, err := supervisor.New(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	if err := run(sup.Context(ctx), sup, config{workers: 2, kill: 20 * time.Millisecond, length: 300 * time.Millisecond}, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	sup.Shutdown()
	for _, name := range []string{"clock", "line/source", "line/pair/left", "line/pair/right", "line/sink", `pool/worker-\d+`} {
		if !regexp.MustCompile(`(?m)^` + name + ` is process \d+, incarnation \d+$`).Match(out.Bytes()) {
			t.Errorf("%s did not answer:\n%s", name, &out)
		}
	}
	kinds := map[string]int{}
	for d := json.NewDecoder(&events); d.More(); {
		var l record
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(l.Time); d < 0 || d > time.Hour {
			t.Errorf("%s %s was at %v", l.Kind, l.Child, l.Time)
		}
		kinds[l.Kind]++
	}
	if kinds["starting"] == 0 || kinds["starting"] != kinds["exited"] || kinds["ended"] != 1 {
		t.Errorf("%v", kinds)
	}
}

// TestPrintsNothing: who cannot print has failed, whether it is a drawing or an event.
func TestPrintsNothing(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"-for", "1ms"}, {"-for", "1ms", "-json"}} {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env, cmd.Stdout = append(os.Environ(), programVar+"=1"), full
		err = cmd.Run()
		if x := new(exec.ExitError); !errors.As(err, &x) || x.ExitCode() != 1 {
			t.Errorf("%q: %v", args, err)
		}
	}
}
