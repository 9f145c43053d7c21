package supervisor_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

func init() {
	programs["unread"] = unreadProgram
	programs["failing"] = func() {
		supervisor.Run(func(context.Context, *supervisor.Supervisor) error { return errors.New("the reason") })
	}
}

// TestHangingLog: a log whose reader hangs holds up neither a restart nor the end.
func TestHangingLog(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 10, Log: slog.New(slog.NewTextHandler(hanging{hang}, nil))})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	for n := range 3 {
		tell(t, ctx, ref, "panic")
		if got := who(t, ctx, ref).Incarnation; got != n+2 {
			t.Fatalf("incarnation %d after %d deaths", got, n+1)
		}
	}
	sup.Shutdown()
}

// unreadProgram has a child that dies, and waits for a signal.
func unreadProgram() {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.Start(ctx, sup, node)
		if err == nil {
			err = actor.Tell(ctx, ref, Die{How: "panic"})
		}
		if err != nil {
			return err
		}
		m, err := actor.Ask(ctx, ref, Who{})
		if err != nil {
			return err
		}
		fmt.Println("incarnation", m.Incarnation)
		<-ctx.Done()
		return nil
	})
}

// unheard starts a program of that kind, whose stderr is a pipe that is full. It returns
// the program's stdout and the other end of the pipe, which is closed after the test.
func unheard(t *testing.T, kind string) (cmd *exec.Cmd, out io.Reader, stderr *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	fill(t, w)
	cmd = exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), rootVar+"="+kind), w
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err = cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, out, r
}

// TestUnreadStderr: a program whose stderr nobody reads restarts its children, and
// ends when it is asked to.
func TestUnreadStderr(t *testing.T) {
	cmd, out, _ := unheard(t, "unread")
	ctx, cancel := context.WithTimeout(t.Context(), testutil.HangGuard)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "incarnation 2\n" {
		t.Errorf("%q, %v: it was not restarted", line, err)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	err = cmd.Wait()
	if x := new(exec.ExitError); !errors.As(err, &x) || x.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("%v, want the code of SIGTERM", err)
	}
}

// TestLateStderr: why a program has failed is not lost when its stderr is read only
// after a while.
func TestLateStderr(t *testing.T) {
	cmd, out, r := unheard(t, "failing")
	late := make(chan []byte, 1)
	time.AfterFunc(time.Second, func() { // the fault
		text, _ := io.ReadAll(r)
		late <- text
	})
	_, _ = io.Copy(io.Discard, out)
	err := cmd.Wait()
	if text := <-late; !bytes.HasSuffix(text, []byte(": the reason\n")) {
		t.Errorf("%v, and its last words are %q", err, bytes.TrimLeft(text, "\x00"))
	}
}

// lateWriter hands on what it gets after more than a log is waited for.
type lateWriter struct{}

func (lateWriter) Write(b []byte) (int, error) {
	<-time.After(300 * time.Millisecond) // the fault: the middle of the time in which it must not be lost
	return os.Stderr.Write(b)
}

var lateLog = supervisor.Define("late log", func() (supervisor.Spec, error) {
	slog.SetDefault(slog.New(slog.NewTextHandler(lateWriter{}, nil)))
	return supervisor.Spec{Children: []supervisor.Child{{Actor: node, Name: "a"}}}, nil
})

// TestLateLogBelow: a supervisor in a process of its own ends after its log has been
// written, also when that was slow.
func TestLateLogBelow(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, err := supervisor.StartSubtree(ctx, sup, lateLog, supervisor.Child{Stderr: w, Restart: supervisor.Temporary})
	if err != nil {
		t.Fatal(err)
	}
	ref := find(t, sub, "a")
	for range 2 { // one death too many
		tell(t, ctx, ref, "panic")
	}
	for begin := time.Now(); sup.Count().Active > 0 && time.Since(begin) < testutil.HangGuard; runtime.Gosched() {
	}
	sup.Shutdown()
	w.Close()
	if text, _ := io.ReadAll(r); !bytes.Contains(text, []byte("supervisor gives up")) {
		t.Errorf("its log is %.300q", text)
	}
}

// fill writes to a pipe until there is no room.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	c, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = c.Control(func(fd uintptr) {
		for err := error(nil); err == nil; {
			_, err = syscall.Write(int(fd), make([]byte, 4096))
		}
		_ = syscall.SetNonblock(int(fd), false) // what a program finds that was started by a shell
	})
	if err != nil {
		t.Fatal(err)
	}
}
