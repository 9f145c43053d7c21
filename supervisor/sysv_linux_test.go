package supervisor_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/sysv"
)

// TestSysvSwept: SysV queues outlive a program whose processes are all killed at
// once. The next start of any program of this user removes them, and nothing of
// the registry is left.
func TestSysvSwept(t *testing.T) { sysvSwept(t, true) }

// TestSysvRootKilled: when the root alone is killed, its children remove the
// queues on their way out.
func TestSysvRootKilled(t *testing.T) { sysvSwept(t, false) }

// TestSysvRootKilledAboveSubtree: the same, when some of the children are below a
// supervisor in a process of its own, which kills them.
func TestSysvRootKilledAboveSubtree(t *testing.T) {
	dir := sysvOnly(t)
	for range 5 {
		r := startRoot(t, "stubborn")
		for r.out.Scan() && r.out.Text() != "ready" {
		}
		pids := withEnv(r.mark)
		if len(pids) < 6 { // the guardian of its command, too
			t.Fatal(pids)
		}
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = r.cmd.Wait()
		allEnd(t, pids)
		if left := registered(t, dir); len(left) != 0 {
			t.Fatalf("%d queues are left", len(left))
		}
	}
}

// TestSysvSubtreeKilled: a supervisor's process is killed, and its children end with
// it. Their mailboxes stay: the root, which has them, is alive.
func TestSysvSubtreeKilled(t *testing.T) {
	testutil.Descriptors(t, 128)
	sysvOnly(t)
	for range 5 {
		killSubtree(t)
	}
}

// sysvOnly makes all mailboxes SysV queues, with a registry of the test's own in dir.
func sysvOnly(t *testing.T) (dir string) {
	for _, s := range lane.Probe() {
		if s.Form.Name == "sysv" && s.Err != nil {
			testutil.Refused(t, s.Err)
		}
	}
	t.Setenv("UNDERSTUDY_QUEUE", "sysv")
	return ownRegistry(t)
}

// registered is the registry's files.
func registered(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "understudy", "msg-*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sysvSwept(t *testing.T, all bool) {
	dir := sysvOnly(t)
	pids := killProgram(t, all)
	// The kernel closes what the dead had open, and what was on its way between
	// them, a moment later.
	for begin := time.Now(); slices.ContainsFunc(pids, alive) || held(t, dir); runtime.Gosched() {
		if time.Since(begin) > testutil.HangGuard {
			t.Fatalf("left alive, or queues left in use: %v", pids)
		}
	}
	if n := len(registered(t, dir)); !all && n != 0 {
		t.Errorf("%d queues are left", n)
	} else if all && n == 0 {
		t.Fatal("the program had no SysV queue, or it is gone by itself: there is nothing to sweep")
	}
	_, sup, _ := newSup(t, supervisor.Spec{})
	if n := len(registered(t, dir)); n != 0 {
		t.Errorf("%d queues are left after the next start", n)
	}
	sup.Shutdown()
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// held says whether anybody has a queue of the registry.
func held(t *testing.T, dir string) (yes bool) {
	for _, name := range registered(t, dir) {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		yes = yes || syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
		f.Close()
	}
	return yes
}

// killProgram runs a program with children, kills its root, or all of it at once,
// and returns the processes that it had.
func killProgram(t *testing.T, all bool) (pids []int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=2")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for sc := bufio.NewScanner(out); sc.Scan() && sc.Text() != "ready"; {
		pid, err := strconv.Atoi(sc.Text())
		if err != nil {
			t.Fatal(sc.Text())
		}
		pids = append(pids, pid)
	}
	if all { // the root first, which could do something about the others' deaths
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if len(pids) == 0 {
		t.Fatal("the program had no processes")
	}
	return pids
}

// TestSysvRemovedByAnother: somebody removes a queue in which there are messages. A dead
// letter says so, who waits for an answer is told, and the receiver, for which there is
// nothing to do, is not taken for one that hangs.
func TestSysvRemovedByAnother(t *testing.T) {
	testutil.Audit(t)
	dir := sysvOnly(t)
	const limit = 100 * time.Millisecond
	letters := make(chan supervisor.Letter, 10)
	ctx, sup, r := newSup(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) { letters <- l }})
	reader := startNode(t, ctx, sup, supervisor.Child{Name: "reader", Watchdog: limit})
	third := startNode(t, ctx, sup, supervisor.Child{Name: "third"})
	slow := startNode(t, ctx, sup, supervisor.Child{Name: "slow", Watchdog: 3 * limit})
	m := who(t, ctx, reader)
	if err := syscall.Kill(m.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !stopped(m.PID) && ctx.Err() == nil {
		runtime.Gosched()
	}
	for i := range 3 {
		if err := actor.Tell(ctx, reader, Mark{Seq: i}); err != nil {
			t.Fatal(err)
		}
	}
	answer := make(chan error, 1)
	go func() {
		_, err := actor.Ask(ctx, reader, Who{})
		answer <- err
	}()
	queues := registered(t, dir)
	if len(queues) != 1 {
		t.Fatalf("%d queues, want the one from here to the reader", len(queues))
	}
	f, err := os.Open(queues[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := sysv.Remove(f); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(m.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	select {
	case l := <-letters:
		if l.Child != "reader" || l.Reason != supervisor.LetterCorrupt || !strings.Contains(l.Text, "empty queue") {
			t.Errorf("%+v", l)
		}
	case <-ctx.Done():
		t.Fatal("no letter")
	}
	if err := <-answer; !errors.As(err, new(*actor.UnreachableError)) {
		t.Error(err)
	}
	if _, err := actor.Ask(ctx, slow, Hold{}); err == nil { // so long it had nothing to do
		t.Error("a handler has returned that never does")
	}
	if now, err := actor.Ask(ctx, third, Relay{To: reader}); err != nil || now != m {
		t.Errorf("%+v, %v; it was %+v", now, err, m)
	}
	if n := len(r.kinds(supervisor.EventHung)); n != 1 {
		t.Errorf("%d were taken for ones that hang, want the slow one", n)
	}
}
