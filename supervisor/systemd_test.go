package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// systemdRoot is a program that lives under a service manager.
func systemdRoot() {
	// The number of a process is known only when it runs: exec keeps it.
	if os.Getenv("LISTEN_PID") == "self" {
		os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
		panic(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
	}
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		files, err := supervisor.Listeners()
		if err != nil || len(files["web"]) != 1 || len(files["unknown"]) != 2 || len(files) != 2 || os.Getenv("LISTEN_FDS") != "" {
			return fmt.Errorf("%v, %w", files, err)
		}
		l, err := net.FileListener(files["web"][0])
		if err != nil {
			return err
		}
		if _, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{}); err != nil {
			return err
		}
		if err := sup.Serving(); err != nil {
			return err
		}
		if _, err := supervisor.Notify("READY=1"); err != nil {
			return err
		}
		c, err := l.Accept()
		if err != nil {
			return err
		}
		fmt.Fprintln(c, "hello")
		c.Close()
		<-ctx.Done()
		return nil
	})
}

// systemdTree is a program whose children are all in its Spec.
func systemdTree() {
	children := []supervisor.Child{{Actor: node}, {Name: "minute", Actor: node, Start: time.Minute}, {Name: "any", Actor: node, Start: supervisor.Infinity}}
	supervisor.Spec{Children: children, LateReady: os.Getenv("LATE") != ""}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		if _, err := supervisor.Notify("STATUS=f runs"); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

// TestReadyWhenStarted: Run asks for as much time as the start of each child of its
// Spec may take, and says READY=1 when all are ready, before it calls f, unless the
// program does so itself. It does not ping for a watchdog of another process.
func TestReadyWhenStarted(t *testing.T) {
	starting := []string{"STATUS=starting node\nEXTEND_TIMEOUT_USEC=40000000", "STATUS=starting minute\nEXTEND_TIMEOUT_USEC=70000000", "STATUS=starting any"}
	for late, rest := range map[string][]string{
		"":     {"STATUS=3 children were started\nREADY=1", "STATUS=f runs"},
		"LATE": {"STATUS=3 children were started", "STATUS=f runs"},
	} {
		want := slices.Concat(starting, rest)
		name := fmt.Sprintf("@understudy-test-ready%s-%d", late, os.Getpid())
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()
		if err := manager.SetReadDeadline(time.Now().Add(testutil.HangGuard)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), rootVar+"=systemd tree", "NOTIFY_SOCKET="+name, "LATE="+late, "WATCHDOG_USEC=20000", "WATCHDOG_PID=1")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		for _, w := range want {
			n, err := manager.Read(buf)
			if err != nil || string(buf[:n]) != w {
				t.Errorf("%q, %v, want %q", buf[:n], err, w)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestUnderSystemd: a program takes its socket, says that it is ready, that it
// is alive, and that it stops.
func TestUnderSystemd(t *testing.T) {
	name := fmt.Sprintf("@understudy-test-%d", os.Getpid())
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	if err := manager.SetReadDeadline(time.Now().Add(testutil.HangGuard)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=systemd", "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=20000", "LISTEN_FDS=3", "LISTEN_PID=self", "LISTEN_FDNAMES=web:")
	cmd.ExtraFiles = []*os.File{f, f, f} // the second has no name, and the third not even an empty one
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var said []string
	hear := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			n, err := manager.Read(buf)
			if err != nil {
				t.Fatalf("%q did not come: %v, after %q", want, err, said)
			}
			said = append(said, string(buf[:n]))
			if string(buf[:n]) == want {
				return
			}
		}
	}
	hear("READY=1")
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var word string
	if _, err := fmt.Fscan(c, &word); err != nil || word != "hello" {
		t.Fatal(word, err)
	}
	c.Close()
	hear("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hear("STOPPING=1")
	_ = cmd.Wait()
	if i := slices.Index(said, "READY=1"); i < 0 {
		t.Fatalf("%q", said)
	}
}

// TestListeners: sockets for another process are left alone, and a number of them that is
// none is an error.
func TestListeners(t *testing.T) {
	own := fmt.Sprint(os.Getpid())
	for _, tt := range []struct {
		fds, pid  string
		err, left bool
	}{
		{"", own, false, true}, {"3", "", false, true}, {"3", "1", false, true}, {"0", own, false, false},
		{"three", own, true, true}, {"-1", own, true, true}, {"65537", own, true, true},
	} {
		t.Setenv("LISTEN_FDS", tt.fds)
		t.Setenv("LISTEN_PID", tt.pid)
		files, err := supervisor.Listeners()
		if (err != nil) != tt.err || len(files) > 0 || (os.Getenv("LISTEN_PID") == tt.pid) != tt.left {
			t.Errorf("%+v: %v, %v, and LISTEN_PID is %q", tt, files, err, os.Getenv("LISTEN_PID"))
		}
	}
}

// TestManagerOutOfReach: a service manager that cannot be told anything would end the
// program without a word; the log says why, once.
func TestManagerOutOfReach(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=systemd tree", "NOTIFY_SOCKET="+t.TempDir()+"/none")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || strings.Count(string(out), "service manager could not be notified") != 1 {
		t.Fatalf("%v: %s", err, out) // f fails for the same reason
	}
}

// TestLiveAndServing: the two questions of an orchestrator.
func TestLiveAndServing(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	pid := who(t, ctx, ref).PID
	if err := sup.Live(time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := sup.Serving(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, sup, func(c supervisor.ChildInfo) bool { return c.Suspended })
	if err := sup.Serving(); err == nil || !strings.Contains(err.Error(), "child node is stopped by a signal") {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	sup.Shutdown()
	if sup.Serving() == nil || sup.Live(time.Minute) == nil {
		t.Fatal("an ended supervisor is live")
	}
}

// TestNotifyIsNotHeldUp: a service manager that does not read what it is told does
// not stop the program.
func TestNotifyIsNotHeldUp(t *testing.T) {
	name := fmt.Sprintf("@understudy-test-deaf-%d", os.Getpid())
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	failed := make(chan error, 1)
	go func() {
		for {
			if _, err := supervisor.Notify("WATCHDOG=1"); err != nil {
				failed <- err
				return
			}
		}
	}()
	select {
	case err := <-failed:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(testutil.HangGuard):
		t.Fatal("Notify hangs")
	}
}
