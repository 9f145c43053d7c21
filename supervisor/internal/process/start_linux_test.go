package process

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
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
