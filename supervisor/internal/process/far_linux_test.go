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
	if far.Over() || !p.Alive() {
		t.Error("it is over, and runs")
	}
	late := descriptor()
	if err := far.Kill(); err != nil {
		t.Fatal(err)
	}
	far.Wait()
	<-p.Done()
	if x := p.Exit(); x.Signal != unix.SIGKILL || p.Alive() {
		t.Errorf("%+v, alive %v", x, p.Alive())
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

// TestFarZombie: one that is dead and was not reaped has ended, whatever can still be sent
// to it.
func TestFarZombie(t *testing.T) {
	testutil.Audit(t)
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	fd, err := unix.PidfdOpen(cmd.Process.Pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		testutil.Refused(t, err)
	}
	far, err := process.NewFar(os.NewFile(uintptr(fd), "pidfd"), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := far.Kill(); err != nil {
		t.Fatal(err)
	}
	far.Wait()
	if err := far.Kill(); err != process.ErrDone || !far.Over() {
		t.Errorf("%v", err)
	}
}
