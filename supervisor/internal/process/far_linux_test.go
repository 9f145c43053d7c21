package process_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor/internal/process"
)

// TestFar: a pidfd that another process has sent is believed when it stands for a
// child of that process. A stranger, which would be killed one day, is refused, and so
// is what is no pidfd.
func TestFar(t *testing.T) {
	testutil.Audit(t)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	s := process.NewStarter()
	defer s.Close()
	p, err := s.Start(process.Spec{Path: sleep, Args: []string{"sleep", "1000"}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.KillGroup(); <-p.Done() }()
	descriptor := func() *os.File {
		f := p.Descriptor()
		if f == nil {
			t.Skip("this kernel has no pidfds")
		}
		return f
	}
	if far, err := process.NewFar(descriptor(), os.Getppid()); err == nil {
		far.Close()
		t.Error("a process was taken for a child of one that has not started it")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if far, err := process.NewFar(null, os.Getpid()); err == nil {
		far.Close()
		t.Error("a file was taken for a process")
	}
	far, err := process.NewFar(descriptor(), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if far.PID() != p.PID() {
		t.Errorf("%d, want %d", far.PID(), p.PID())
	}
	if far.Over() {
		t.Error("it is over, and runs")
	}
	late := descriptor()
	if err := far.Kill(); err != nil {
		t.Fatal(err)
	}
	far.Wait()
	<-p.Done()
	if x := p.Exit(); x.Signal != unix.SIGKILL {
		t.Errorf("%+v", x)
	}
	if err := far.Kill(); err != process.ErrDone || !far.Over() {
		t.Errorf("of one that has ended: %v", err)
	}
	if far, err := process.NewFar(late, os.Getpid()); !errors.Is(err, process.ErrDone) {
		if err == nil {
			far.Close()
		}
		t.Errorf("of one that has been reaped: %v", err)
	}
}
