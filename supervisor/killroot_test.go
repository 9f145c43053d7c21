package supervisor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// bareVar makes the last child of a rootProgram close the descriptors that it was
// started with; with bareFirst it is the first process of a PID namespace. With bareFull
// it has all descriptors that it may have instead.
const (
	bareVar   = "SUPERVISOR_TEST_BARE"
	bareFirst = "first"
	bareFull  = "full"
)

// rootProgram is a program whose root is killed by TestKillRoot. It prints the
// numbers of its processes: of each child, its grandchild and its daemon.
func rootProgram(children int) {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		for i := range children {
			child := supervisor.Child{Name: fmt.Sprint(i)}
			if os.Getenv(bareVar) == bareFirst {
				child.Limits.Namespaces = []supervisor.Limit{supervisor.NamespaceUser, supervisor.NamespacePID}
			}
			if os.Getenv(bareVar) == bareFull {
				child.Limits.Resources = map[supervisor.Limit]uint64{supervisor.LimitOpenFiles: 64}
			}
			ref, err := supervisor.StartChild(ctx, sup, node, child)
			if refused := new(supervisor.RefusedError); errors.As(err, &refused) {
				fmt.Println("refused")
			}
			if err != nil {
				return err
			}
			m, err := actor.Ask(ctx, ref, Who{})
			if err != nil {
				return err
			}
			f, err := actor.Ask(ctx, ref, Fork{})
			if err != nil {
				return err
			}
			d, err := actor.Ask(ctx, ref, Daemon{})
			if err != nil {
				return err
			}
			fmt.Println(m.PID)
			fmt.Println(f.PID)
			fmt.Println(d.PID)
			if i == children-1 && os.Getenv(bareVar) == bareFull {
				if _, err := actor.Ask(ctx, ref, Hog{}); err != nil {
					return err
				}
			} else if i == children-1 && os.Getenv(bareVar) != "" {
				if err := actor.Tell(ctx, ref, Die{How: "unlink, and look away"}); err != nil {
					return err
				}
			}
		}
		fmt.Println("ready")
		<-ctx.Done()
		return nil
	})
}

// startDaemon starts a process that is double-forked, in a session of its own,
// without environment or any descriptor of ours.
func startDaemon(*actor.Context, Daemon) (f Forked, err error) {
	cmd := exec.Command("setsid", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err == nil {
		f.PID, err = strconv.Atoi(strings.TrimSpace(string(out)))
	}
	return f, err
}

// reapingProgram starts many commands of its own while a child dies again and
// again, each time leaving a daemon: no status may be lost, no daemon left.
func reapingProgram() {
	supervisor.Spec{Intensity: 1000}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Stderr: io.Discard})
		if err != nil {
			return err
		}
		stop, failed := make(chan struct{}), make(chan error, 1)
		go func() {
			defer close(failed)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := exec.Command("true").Run(); err != nil {
					failed <- fmt.Errorf("a command of the root: %w", err)
					return
				}
			}
		}()
		for range 10 {
			d, err := actor.Ask(ctx, ref, Daemon{})
			if err != nil {
				return err
			}
			ch, _, err := actor.Monitor(ctx, ref)
			if err != nil {
				return err
			}
			if err := actor.Tell(ctx, ref, Die{How: "kill"}); err != nil {
				return err
			}
			<-ch
			if _, err := os.Stat(fmt.Sprint("/proc/", d.PID)); err == nil {
				return fmt.Errorf("daemon %d is there after the notice of its child's death", d.PID)
			}
		}
		close(stop)
		if err := <-failed; err != nil {
			return err
		}
		fmt.Println("fine")
		return nil
	})
}

// root is a running rootProgram.
type root struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	mark string // in the environment of every process of it
}

var rounds int

func startRoot(t *testing.T, mode string) *root {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	rounds++
	mark := fmt.Sprintf("SUPERVISOR_TEST_MARK=%d.%d", os.Getpid(), rounds)
	cmd.Env = append(os.Environ(), rootVar+"="+mode, mark)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &root{cmd, bufio.NewScanner(out), mark}
}

// ownRegistry makes the programs that the test starts have a registry of SysV queues
// of their own, in a directory: no other program removes what they leave behind.
func ownRegistry(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return dir
}

// pids reads the numbers that the program prints, n of them or all until it is
// ready.
func (r *root) pids(t *testing.T, n int) (pids []int) {
	t.Helper()
	for len(pids) != n && r.out.Scan() && r.out.Text() != "ready" {
		pid, err := strconv.Atoi(r.out.Text())
		if err != nil {
			t.Fatal(r.out.Text())
		}
		pids = append(pids, pid)
	}
	return pids
}

// allEnd waits until none of the processes is left.
func allEnd(t *testing.T, pids []int) {
	t.Helper()
	for begin := time.Now(); slices.ContainsFunc(pids, alive); {
		if time.Since(begin) > testutil.HangGuard {
			left := slices.DeleteFunc(slices.Clone(pids), func(p int) bool { return !alive(p) })
			st, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", left[0]))
			t.Fatalf("left alive: %v of %v\n%s", left, pids, st)
		}
	}
}

// TestKillRoot: after SIGKILL of the root nothing of the tree is left, stopped
// children, grandchildren and daemons included.
func TestKillRoot(t *testing.T) {
	testutil.Threads(t, 256)
	for round := range 3 {
		r := startRoot(t, "4")
		pids := r.pids(t, -1)
		if len(pids) != 12 {
			t.Fatal(pids)
		}
		if round == 1 { // one child cannot even look
			if err := syscall.Kill(pids[3], syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = r.cmd.Wait()
		allEnd(t, pids)
		t.Logf("round %d: all ended %v after the kill", round, time.Since(begin).Round(time.Millisecond))
	}
}

// TestKillRootOfBare: the same with a child that has closed what tells it of the root,
// as a library may that closes whatever it does not know.
func TestKillRootOfBare(t *testing.T) {
	t.Setenv(bareVar, "1")
	r := startRoot(t, "1") // others would keep what it closes
	pids := r.pids(t, -1)
	if len(pids) != 3 {
		t.Fatal(pids)
	}
	r.killBare(t, pids[0], pids)
}

// TestKillRootOfFull: the same with a child that has no descriptor left to look for its
// descendants with.
func TestKillRootOfFull(t *testing.T) {
	t.Setenv(bareVar, bareFull)
	r := startRoot(t, "1")
	pids := r.pids(t, -1)
	if len(pids) != 3 {
		t.Fatal(pids)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	allEnd(t, pids)
}

// killBare kills the root when its child is bare, and waits until pids have ended.
func (r *root) killBare(t *testing.T, child int, pids []int) {
	t.Helper()
	for begin := time.Now(); ; runtime.Gosched() {
		_, link := os.Lstat(fmt.Sprintf("/proc/%d/fd/3", child))
		_, liveness := os.Lstat(fmt.Sprintf("/proc/%d/fd/4", child))
		if link != nil && liveness != nil {
			break
		}
		if time.Since(begin) > testutil.HangGuard {
			t.Fatal("it keeps its descriptors")
		}
	}
	if !alive(child) {
		t.Fatal("it has ended: this test shows nothing")
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	allEnd(t, pids)
}

// TestKillRootWhileStarting: the same at any moment of the start.
func TestKillRootWhileStarting(t *testing.T) {
	for range 4 {
		r := startRoot(t, "4")
		pids := r.pids(t, 1+rand.IntN(11))
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, r.pids(t, -1)...) // what it had printed
		_ = r.cmd.Wait()
		allEnd(t, pids)
		if left := withEnv(r.mark); len(left) > 0 { // children it had not told of
			allEnd(t, left)
		}
	}
}

// withEnv is the processes with that in their environment.
func withEnv(mark string) (pids []int) {
	dirs, _ := os.ReadDir("/proc")
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile("/proc/" + d.Name() + "/environ")
		if strings.Contains("\x00"+string(env), "\x00"+mark+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKillChildEndsItsDaemons: what a killed child leaves behind ends with it,
// and nothing else does.
func TestKillChildEndsItsDaemons(t *testing.T) {
	r := startRoot(t, "2")
	pids := r.pids(t, -1)
	if len(pids) != 6 {
		t.Fatal(pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	allEnd(t, pids[:3])
	for _, pid := range pids[3:] {
		if !alive(pid) {
			t.Errorf("process %d of the other child has ended", pid)
		}
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	allEnd(t, pids)
}

// TestReaping: orphans are reaped, and no command of the root loses its status.
func TestReaping(t *testing.T) {
	r := startRoot(t, "reap")
	if !r.out.Scan() || r.out.Text() != "fine" {
		t.Fatalf("%q", r.out.Text())
	}
	if err := r.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
