package process

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStartRemedies: what is advised fits what has failed.
func TestStartRemedies(t *testing.T) {
	for _, c := range []struct {
		op   string
		err  error
		want string
	}{
		{opExec, syscall.ENOENT, "the program's file is gone"},
		{"open " + os.DevNull, syscall.ENOENT, ""}, // the program's file has nothing to do with it
		{opExec, syscall.E2BIG, "Child.PassEnv"},
		{opExec, syscall.ETXTBSY, "by a rename"},
		{"open " + os.DevNull, syscall.EMFILE, "ulimit -n"},
	} {
		err := startError("/program", c.op, c.err)
		e := new(StartError)
		if !errors.As(err, &e) || !errors.Is(err, c.err) || !strings.Contains(e.Remedy, c.want) || c.want == "" && e.Remedy != "" {
			t.Errorf("%s: %v: %v", c.op, c.err, err)
		}
	}
}

// TestEnvironmentTooLarge: what the kernel says to that is what is advised about.
func TestEnvironmentTooLarge(t *testing.T) {
	s := NewStarter()
	defer s.Close()
	_, err := s.Start(Spec{Path: "/proc/self/exe", Args: []string{"x"}, Env: []string{"X=" + strings.Repeat("x", 1<<20)}})
	if !errors.Is(err, syscall.E2BIG) || !strings.Contains(err.Error(), "Child.PassEnv") {
		t.Fatal(err)
	}
}

// TestStacks: the stacks of a program that is linked with the C library count, those of
// an unlimited size with the size that the library then takes.
func TestStacks(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &old); err != nil || old.Max != unix.RLIM_INFINITY {
		t.Skip("skipped: stacks cannot be unlimited here")
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_STACK, &old); err != nil {
			t.Error(err)
		}
	}()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("skipped: ", err)
	}
	with := func(stack uint64) uint64 {
		if err := unix.Setrlimit(unix.RLIMIT_STACK, &unix.Rlimit{Cur: stack, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		return overhead(path)
	}
	four, eight, unlimited := with(4<<20), with(8<<20), with(unix.RLIM_INFINITY)
	if four == eight {
		t.Skip("skipped: sh is not linked with the C library")
	}
	threads := (eight - four) / (4 << 20)
	if threads <= uint64(runtime.NumCPU()) || four-unlimited != threads*(4<<20-usualStack) {
		t.Errorf("%d, %d and %d bytes", four, eight, unlimited)
	}
}
