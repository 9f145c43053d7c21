package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// bombVariable tells TestBombVictim that it runs in a process of its own.
const bombVariable = "CONTACTSHEET_TEST_BOMB"

// TestBomb decodes the bomb in a process with the memory limit of a decoder.
// The process must die of it, and say so.
func TestBomb(t *testing.T) {
	victim := exec.Command(os.Args[0], "-test.run=^TestBombVictim$", "-test.v")
	victim.Env = append(os.Environ(), bombVariable+"=1")
	out, err := victim.CombinedOutput()
	if strings.Contains(string(out), "no limit here") {
		t.Skipf("the memory limit cannot be set here: %s", out)
	}
	// The race detector reserves memory of its own, and has its own words.
	died := strings.Contains(string(out), "runtime: out of memory") || strings.Contains(string(out), "ThreadSanitizer failed to allocate")
	if err == nil || !died {
		t.Errorf("the process with the bomb ended with %v and said %.300s; want it dead, out of memory", err, out)
	}
}

func TestBombVictim(t *testing.T) {
	if os.Getenv(bombVariable) == "" {
		t.Skip("only for the process that TestBomb starts")
	}
	limit := unix.Rlimit{Cur: defaultMemoryMiB << 20, Max: defaultMemoryMiB << 20}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		t.Fatalf("no limit here: %v", err)
	}
	p, err := decodeInto(make([]byte, tileBytes), bomb(60000, 60000))
	t.Fatalf("the bomb did not go off: picture %v, error %v", p, err)
}
