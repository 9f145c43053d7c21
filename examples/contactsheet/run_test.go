package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pictures makes a folder of n small pictures of one colour each.
func pictures(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		data, err := paintPNG(8, 6, func(int, int, int, int) color.NRGBA { return hue(i * 70) })()
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, map[string]string{fmt.Sprintf("p%02d.png", i): string(data)})
	}
	return dir
}

// sheetOf runs the program on dir and returns what it says and the file.
func sheetOf(t *testing.T, dir string, p *fakePool) (map[string]any, []byte) {
	t.Helper()
	cfg := config{dir: dir, out: filepath.Join(t.TempDir(), "s.png"), workers: 2, json: true}
	var stdout strings.Builder
	if err := run(t.Context(), cfg, openFake(p), &stdout, nil); err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	dec := json.NewDecoder(strings.NewReader(stdout.String()))
	if err := dec.Decode(&said); err != nil || dec.More() {
		t.Fatalf("standard output is not one JSON object but %q (error %v)", stdout.String(), err)
	}
	png, err := os.ReadFile(cfg.out)
	if err != nil {
		t.Fatal(err)
	}
	if p.lent != 0 {
		t.Errorf("%d tiles were not given back", p.lent)
	}
	return said, png
}

func TestRunSamples(t *testing.T) {
	said, png := sheetOf(t, "", &fakePool{})
	hash := sha256.Sum256(png)
	for field, want := range map[string]any{
		"images": 16.0, "ok": 14.0, "failed": 1.0, "quarantined": 1.0, "restarts": 2.0, "processes": 5.0,
		"messages_queue": 32.0, "messages_segment": 30.0, "bytes_queue": 2048.0, "bytes_segment": float64(1 << 20),
		"sheet_sha256": hex.EncodeToString(hash[:]),
	} {
		if said[field] != want {
			t.Errorf("%s is %v, want %v", field, said[field], want)
		}
	}
	if _, ok := said["elapsed_ms"].(float64); !ok {
		t.Errorf("elapsed_ms is %v, want a number", said["elapsed_ms"])
	}
}

// TestRunOrder: the sheet does not depend on the order in which tiles arrive.
func TestRunOrder(t *testing.T) {
	dir := pictures(t, 9)
	_, plain := sheetOf(t, dir, &fakePool{})
	late := &fakePool{hold: "p00.png", released: make(chan struct{})}
	late.fail = func(name string) error { // called when a file's turn has come
		if name == "p08.png" {
			close(late.released)
		}
		return nil
	}
	if _, other := sheetOf(t, dir, late); string(other) != string(plain) {
		t.Error("the sheet is another one when its first tile arrives last")
	}
}

// TestRunGivesUp: an error that is no file's fault ends the run, and the sheet
// of the last time stays.
func TestRunGivesUp(t *testing.T) {
	dir := pictures(t, 9)
	cfg := config{dir: dir, out: filepath.Join(t.TempDir(), "s.png"), workers: 2}
	write(t, filepath.Dir(cfg.out), map[string]string{"s.png": "old"})
	broken := errors.New("the pool is gone")
	err := run(t.Context(), cfg, openFake(&fakePool{fail: func(name string) error {
		if name == "p04.png" {
			return broken
		}
		return nil
	}}), &strings.Builder{}, nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "p04.png") {
		t.Errorf("error %v, want that of p04.png", err)
	}
	stop := errors.New("stopped by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	err = run(ctx, cfg, openFake(&fakePool{fail: func(string) error {
		cancel(stop)
		return context.Canceled
	}}), &strings.Builder{}, nil)
	if !errors.Is(err, stop) {
		t.Errorf("error %v after the context had ended, want its cause", err)
	}
	if got, err := os.ReadFile(cfg.out); err != nil || string(got) != "old" {
		t.Errorf("the old sheet is now %.20q (error %v)", got, err)
	}
	onlyFiles(t, filepath.Dir(cfg.out), "s.png")
}

func TestRunErrors(t *testing.T) {
	for want, cfg := range map[string]config{
		"there is no folder": {dir: "/does/not/exist", out: filepath.Join(t.TempDir(), "s.png")},
		"is a folder":        {out: t.TempDir()},
	} {
		open := func(context.Context, config) (pool, error) {
			t.Errorf("%q: decoders were started for nothing", want)
			return &fakePool{}, nil
		}
		if err := run(t.Context(), cfg, open, &strings.Builder{}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

func TestSummaryText(t *testing.T) {
	s := &summary{Images: 20}
	for i := range 20 {
		switch {
		case i == 3:
			s.count(i, "evil\x1b[2J.png", &quarantinedError{"too large"})
		case i%5 == 4:
			s.count(i, fmt.Sprintf("f%02d.jpg", i), nil)
		default:
			s.count(19-i, fmt.Sprintf("f%02d.jpg", 19-i), &damagedError{"bad"})
		}
	}
	s.finish("out.png", []byte("x"), poolStats{Restarts: 1, Processes: 3, BytesQueue: 9999, BytesSegment: 123_456_789}, 1234567890)
	var b strings.Builder
	if err := s.writeText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"out.png: 20 files, 4 fine, 15 damaged, 1 quarantined\n", "quarantined  evil?[2J.png: too large\n",
		"and 4 more", "3 processes, 1 restart, 1.2 s\n", "(9999 bytes)", "(123 MB)", "sha256 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, b.String())
		}
	}
}
