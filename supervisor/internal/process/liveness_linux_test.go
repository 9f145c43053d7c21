package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor/internal/process"
)

// stayBare loses what would tell of its parent's end, or has no descriptor left, and is
// continued again and again.
func stayBare(full bool) {
	r, w, err := os.Pipe()
	other, silent, err2 := os.Pipe()
	if err := errors.Join(err, err2); err != nil {
		panic(err)
	}
	fd := int(r.Fd())
	process.WatchLiveness(r, func() {
		fmt.Println("ended")
		os.Exit(0)
	})
	if full {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{}) // no descriptor is left to read /proc with
	} else {
		_ = unix.Dup3(int(other.Fd()), fd, unix.O_CLOEXEC) // as when it was closed, and its number used again
	}
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, unix.SIGCONT)
	for range 20 {
		_ = unix.Kill(os.Getpid(), unix.SIGCONT)
		<-seen
		for range 100 { // the other one who hears of it looks
			runtime.Gosched()
		}
	}
	runtime.KeepAlive([]*os.File{w, silent})
	fmt.Println(os.Getpid() == 1, "goes on")
	os.Exit(0)
}

// TestContinuedIsNoOrphan: who is continued, and has closed what it knows its parent by,
// or cannot look for that, has a parent all the same, also as the first process of a PID namespace.
func TestContinuedIsNoOrphan(t *testing.T) {
	testutil.Audit(t)
	for _, test := range []struct {
		what  string
		first bool
	}{{"bare", false}, {"bare", true}, {"full", false}, {"full", true}} {
		what, first := test.what, test.first
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), actVar+"="+what)
		if first {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWUSER}
		}
		out, err := cmd.Output()
		if first && (os.IsPermission(err)) {
			t.Skip("skipped: this machine refuses a PID namespace")
		}
		if want := fmt.Sprintln(first, "goes on"); err != nil || string(out) != want {
			t.Errorf("%s, first in its namespace: %v: %q, %v", what, first, out, err)
		}
	}
}

// liveForOther lives as long as who has the other end of its descriptor 3.
func liveForOther() {
	process.WatchLiveness(process.TakeFile(3, "liveness"), func() { os.Exit(9) })
	fmt.Fprintln(os.Stderr, "here")
	select {}
}

// TestEndWithoutSignal: that pipe's end is enough: it comes also where the one who is no
// more was not the parent, and no signal tells of its death.
func TestEndWithoutSignal(t *testing.T) {
	testutil.Audit(t)
	l, err := process.NewLiveness()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := spec("live for other")
	s.Files = []*os.File{l.File()}
	here := &firstLine{seen: make(chan struct{})}
	s.Stderr = here
	p := start(t, s)
	<-here.seen
	l.Close()
	if x := ended(t, p); x.Code != 9 {
		t.Errorf("%+v", x)
	}
}
