package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	var b strings.Builder
	p := &progress{w: &b, total: 8}
	p.show(&summary{OK: 2, Failed: 1, Quarantined: 1}, 3)
	want := eraseLine + "[" + strings.Repeat("#", 14) + strings.Repeat(".", 14) + "] 4/8  1 damaged  1 quarantined  3 restarts"
	if b.String() != want {
		t.Errorf("the line is %q, want %q", b.String(), want)
	}
	p.end()
	p.end()
	if want += eraseLine; b.String() != want {
		t.Errorf("after the end: %q, want %q", b.String(), want)
	}
	b.Reset()
	p.style = true
	p.show(&summary{OK: 8}, 0)
	if !strings.Contains(b.String(), greenStyle+strings.Repeat("#", barWide)+noStyle+"] 8/8") {
		t.Errorf("the full bar is %q", b.String())
	}
}

// TestProgressIsQuiet: where nobody looks, nothing is written.
func TestProgressIsQuiet(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range []*progress{newProgress(f, 5), newProgress(nil, 5)} {
		p.show(&summary{OK: 1}, 0)
		p.end()
	}
	if info, err := f.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("a file got %d bytes of progress (error %v)", info.Size(), err)
	}
	null, err := os.Open(os.DevNull) // a character device like a terminal
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	t.Setenv("TERM", "dumb")
	if newProgress(null, 5) != nil {
		t.Error("a dumb terminal got a progress bar")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if p := newProgress(null, 5); p == nil || p.style {
		t.Errorf("with NO_COLOR the progress is %+v, want it without colours", p)
	}
}
