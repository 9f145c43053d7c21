package output

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCanWrite: what cannot be written is an error that says why, and nothing is left
// or changed by the question.
func TestCanWrite(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		old: "", filepath.Join(dir, "new"): "", os.DevNull: "",
		dir: "it is a folder", filepath.Join(dir, "no", "x"): "there is no folder", "/proc/x": "cannot be written to",
	} {
		err := CanWrite(file)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), ".understudy")) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
	if b, err := os.ReadFile(old); string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	if all, err := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestCanWritePipe: a pipe that nobody reads yet is not opened, which would wait; and
// who reads it would see its end.
func TestCanWritePipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() { done <- CanWrite(pipe) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for a reader")
	}
}
