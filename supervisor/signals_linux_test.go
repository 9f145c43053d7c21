package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["init"], programs["slow"] = initRoot, slowRoot }

// hearing is a command that says which signals it gets.
func hearing(c supervisor.Command) supervisor.Command {
	c.Ready.Line = regexp.MustCompile("^up$")
	return shell(`trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo usr2' USR2; trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done`, c)
}

// TestForward: signals that this process gets are passed on to the commands that
// want them, and to no other; those of a guardian are always passed on.
func TestForward(t *testing.T) {
	var all, none lineBuffer
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	wants := []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1}
	if _, err := supervisor.StartCommand(ctx, sup, hearing(supervisor.Command{Output: &all, Forward: wants}), supervisor.Child{Name: "all"}); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.StartCommand(ctx, sup, hearing(supervisor.Command{Output: &none}), supervisor.Child{Name: "none"}); err != nil {
		t.Fatal(err)
	}
	for _, sig := range wants {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		all.await(t, ctx, strings.ToLower(strings.TrimPrefix(unix.SignalName(sig), "SIG")))
	}
	guardian := sup.Children()[1]
	if err := syscall.Kill(guardian.PID, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	none.await(t, ctx, "usr2")
	if got := none.String(); got != "up\nusr2\n" {
		t.Fatalf("a command that wants no signals got %q", got)
	}
}

// lineBuffer is a buffer in which a line can be waited for.
type lineBuffer struct {
	buffer
	more chan struct{}
}

func (b *lineBuffer) Write(p []byte) (int, error) {
	n, err := b.buffer.Write(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return n, err
}

// await waits for one of the lines, and says which it is.
func (b *lineBuffer) await(t *testing.T, ctx context.Context, lines ...string) string {
	t.Helper()
	for {
		b.mu.Lock()
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more, text := b.more, b.b.String()
		b.mu.Unlock()
		for _, line := range lines {
			if strings.Contains("\n"+text, "\n"+line+"\n") {
				return line
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("no line of %q in %q", lines, text)
		}
	}
}

// initRoot is a program that is the first process of a container.
func initRoot() {
	if os.Getpid() == 1 { // not in a child
		err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if err == nil {
			err = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}
		if err != nil { // a container may refuse it
			fmt.Fprintln(os.Stderr, "mount of /proc:", err)
			fmt.Println("refused")
			return
		}
	}
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		if os.Getpid() != 1 {
			return fmt.Errorf("process %d is not 1", os.Getpid())
		}
		cmd := hearing(supervisor.Command{Output: os.Stdout, Forward: []syscall.Signal{syscall.SIGHUP}})
		if _, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{}); err != nil {
			return err
		}
		// Strangers: their parent ends before they do, and nobody waits for them.
		for range 5 {
			out, err := exec.Command("sh", "-c", "sleep 0.01 >/dev/null & echo $!").Output()
			if err != nil {
				return err
			}
			for name := "/proc/" + strings.TrimSpace(string(out)); ; {
				if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
					break
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
		}
		fmt.Println("reaped")
		<-ctx.Done()
		return nil
	})
}

// TestFirstProcess: as process 1 of a container a program reaps strangers,
// passes signals on, and stops in order at SIGTERM, which a process 1 without a
// handler would not even get.
func TestFirstProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=init")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out lineBuffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		testutil.Refused(t, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ctx, cancel := context.WithTimeout(t.Context(), testutil.HangGuard)
	defer cancel()
	if out.await(t, ctx, "reaped", "refused") == "refused" {
		testutil.Refused(t, "mount of /proc")
	}
	if left := zombiesOf(cmd.Process.Pid); len(left) > 0 {
		t.Errorf("zombies: %v", left)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	out.await(t, ctx, "hup")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if x := new(exec.ExitError); !errors.As(err, &x) || x.ExitCode() != 128+int(syscall.SIGTERM) {
			t.Fatalf("%v, want the code of SIGTERM", err)
		}
	case <-ctx.Done():
		t.Fatal("it does not end")
	}
	if got := out.String(); !strings.HasSuffix(got, "bye\n") {
		t.Fatalf("%q: the command was not asked to end", got)
	}
}

// zombiesOf are children of a process that it has not reaped.
func zombiesOf(parent int) (pids []int) {
	for _, name := range processNumbers() {
		pid, err := strconv.Atoi(name)
		if err == nil && parentOf(pid) == parent && !alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// slowRoot is a program that never finishes its start.
func slowRoot() {
	never := supervisor.Command{Path: "sleep", Args: []string{"1000"}, PassEnv: []string{"PATH"}, Ready: supervisor.Ready{File: "/no/such/file"}}
	early := hearing(supervisor.Command{Output: os.Stdout})
	supervisor.Spec{Children: []supervisor.Child{{Name: "early", Command: &early}, {Name: "never", Command: &never}}}.Run(
		func(ctx context.Context, sup *supervisor.Supervisor) error {
			panic("it was not ready")
		})
}

// TestTermWhileStarting: SIGTERM while the children of a Spec are started stops
// those that are, in order.
func TestTermWhileStarting(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=slow")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, errs lineBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ctx, cancel := context.WithTimeout(t.Context(), testutil.HangGuard)
	defer cancel()
	out.await(t, ctx, "up")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if x := new(exec.ExitError); !errors.As(err, &x) || x.ExitCode() != 128+int(syscall.SIGTERM) {
			t.Fatalf("%v, want the code of SIGTERM\n%s", err, errs.String())
		}
	case <-ctx.Done():
		t.Fatal("it does not end")
	}
	if got := out.String(); got != "up\nbye\n" {
		t.Fatalf("%q, %s", got, errs.String())
	}
}

// TestForwardValidate: signals that mean something to this process are refused.
func TestForwardValidate(t *testing.T) {
	c := supervisor.Child{Command: &supervisor.Command{Path: "true", Forward: []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGKILL, 0}}}
	if n := strings.Count(fmt.Sprint(c.Validate()), "\n") + 1; n != 3 {
		t.Fatalf("%d problems, want 3:\n%v", n, c.Validate())
	}
}
