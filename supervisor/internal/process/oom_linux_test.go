package process

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestOOMExplains: each kill that the kernel counts explains the death of one process, which
// was alive at that time.
func TestOOMExplains(t *testing.T) {
	file := filepath.Join(t.TempDir(), "memory.events")
	count := func(n int) {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, "low 0\noom 9\noom_kill %d\noom_group_kill 0\n", n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count(3)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set := func(open *os.File, found bool, name string, explained uint64) {
		oom.Lock()
		defer oom.Unlock()
		oom.open, oom.found, oom.file, oom.explained = open, found, name, explained
	}
	oom.Lock()
	open, found, name, explained := oom.open, oom.found, oom.file, oom.explained
	oom.Unlock()
	defer set(open, found, name, explained)
	set(f, true, "f", 0)

	early := [3]oomMark{markOOM(), markOOM(), markOOM()}
	if text := early[0].since(); text != "" {
		t.Errorf("before any kill: %q", text)
	}
	count(5)
	for i, want := range []string{"oom_kill 5 in f", "oom_kill 5 in f", ""} {
		if got := early[i].since(); got != want {
			t.Errorf("death %d of three, with two kills: %q, want %q", i, got, want)
		}
	}
	count(7) // one of another program in the group
	late := [2]oomMark{markOOM(), markOOM()}
	count(8)
	for i, want := range []string{"oom_kill 8 in f", ""} {
		if got := late[i].since(); got != want {
			t.Errorf("death %d of two, with one kill since their start: %q, want %q", i, got, want)
		}
	}
}
