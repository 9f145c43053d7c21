package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// program runs the example as main does, with decoders in real processes.
func program(t *testing.T, cfg config) summary {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := spec
	s.Log = slog.New(slog.DiscardHandler)
	sup, err := supervisor.New(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	cfg.json, cfg.memory = true, defaultMemoryMiB<<20
	cfg.out = filepath.Join(t.TempDir(), "sheet.png")
	open := func(ctx context.Context, cfg config) (pool, error) { return startPool(ctx, sup, cfg) }
	var out bytes.Buffer
	stderr, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	if err := run(sup.Context(ctx), cfg, open, &out, stderr); err != nil {
		t.Fatal(err)
	}
	var sum summary
	if err := json.Unmarshal(out.Bytes(), &sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestProgram: the sheet of the samples is the same byte for byte whether
// decoders are being killed or not, and only the bomb and the damaged file have
// no picture.
func TestProgram(t *testing.T) {
	plain := program(t, config{workers: 2})
	if plain.OK != plain.Images-2 || plain.Failed != 1 || plain.Quarantined != 1 || plain.MessagesSegment == 0 || plain.Processes != 3 {
		t.Fatalf("%+v", plain)
	}
	killed := program(t, config{workers: 3, kill: true})
	if killed.SheetSHA256 != plain.SheetSHA256 || killed.Restarts <= plain.Restarts {
		t.Fatalf("with -kill %+v\nwithout   %+v", killed, plain)
	}
}
