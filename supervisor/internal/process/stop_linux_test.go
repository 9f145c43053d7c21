package process

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// TestStops: each stop and each end of one is reported, in this order.
func TestStops(t *testing.T) {
	testutil.Audit(t)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	s := NewStarter()
	defer s.Close()
	stops := make(chan bool)
	p, err := s.Start(Spec{Path: sleep, Args: []string{"sleep", "1000"}, Env: os.Environ(), OnStop: func(stopped bool) { stops <- stopped }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.KillGroup(); <-p.Done() }()
	for range 3 {
		for _, sig := range []struct {
			is      syscall.Signal
			stopped bool
		}{{unix.SIGSTOP, true}, {unix.SIGCONT, false}} {
			if err := p.Signal(sig.is); err != nil {
				t.Fatal(err)
			}
			select {
			case stopped := <-stops:
				if stopped != sig.stopped {
					t.Errorf("after %v it is stopped: %v", sig.is, stopped)
				}
			case <-time.After(testutil.HangGuard):
				t.Fatalf("nothing is reported of %v", sig.is)
			}
		}
	}
	if p.Over() {
		t.Error("it has ended")
	}
}

// TestStopBeforeItIsKnown: a child may stop before Start has returned: Start sees to it
// that somebody looks, and does not call OnStop itself, which may wait for its caller.
func TestStopBeforeItIsKnown(t *testing.T) {
	testutil.Audit(t)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	s := &Starter{jobs: make(chan func()), changed: make(chan os.Signal, 1), alive: map[*Process]struct{}{}} // nobody looks
	s.mu.Lock()                                                                                              // Start comes no further than to where it would make it known
	go func() {
		f := <-s.jobs
		f()
		_ = unix.Waitid(unix.P_ALL, 0, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		s.mu.Unlock()
	}()
	stops := 0
	p, err := s.Start(Spec{Path: sh, Args: []string{"sh", "-c", "kill -STOP $$"}, Env: os.Environ(), OnStop: func(bool) { stops++ }})
	if err != nil {
		t.Fatal(err)
	}
	if stops != 0 || len(s.changed) != 1 {
		t.Errorf("%d calls, %d looks are to come", stops, len(s.changed))
	}
	if s.lookForStops(); stops != 1 {
		t.Errorf("%d calls after the look", stops)
	}
	_ = p.KillGroup()
	if <-p.Done(); len(s.alive) != 0 {
		t.Error("it is looked at after its end")
	}
}
