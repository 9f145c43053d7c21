package supervisor_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

func init() {
	programs["command of another user"] = func() {
		commandRoot(supervisor.Child{Limits: supervisor.Limits{User: &supervisor.User{UID: 4711, GID: 4711}}})
	}
}

// TestCommandOfAnotherUserDies: a command ends with its guardian, by the
// parent-death signal, which the kernel forgets when a process changes its user:
// the root is stopped and can do nothing.
func TestCommandOfAnotherUserDies(t *testing.T) {
	r := startRoot(t, "command of another user")
	pids := r.pids(t, -1)
	if len(pids) == 0 {
		testutil.Refused(t, "another user")
	}
	command := pids[2]
	for _, k := range []struct {
		pid int
		sig syscall.Signal
	}{{r.cmd.Process.Pid, syscall.SIGSTOP}, {parentOf(command), syscall.SIGKILL}} {
		if err := syscall.Kill(k.pid, k.sig); err != nil {
			t.Fatal(err)
		}
	}
	allEnd(t, []int{command})
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	pids = append(pids, r.pids(t, -1)...) // the root has started it again
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	allEnd(t, pids)
}

// TestNamespaceEndsAll: the daemons of a command end with its guardian, the
// first process of their PID namespace, when nobody is left to end them: the
// root is stopped, and both are killed.
func TestNamespaceEndsAll(t *testing.T) {
	r := startRoot(t, "command in namespace")
	if pids := r.pids(t, -1); len(pids) == 0 {
		testutil.Refused(t, "namespaces")
	}
	all := withEnv(r.mark)
	if len(all) < 4 { // root, guardian, the command, a daemon
		t.Fatal(all)
	}
	guardian := 0
	for _, pid := range all {
		if parentOf(pid) == r.cmd.Process.Pid {
			guardian = pid
		}
	}
	for _, k := range []struct {
		pid int
		sig syscall.Signal
	}{{r.cmd.Process.Pid, syscall.SIGSTOP}, {guardian, syscall.SIGKILL}, {r.cmd.Process.Pid, syscall.SIGKILL}} {
		if err := syscall.Kill(k.pid, k.sig); err != nil {
			t.Fatal(err)
		}
	}
	_ = r.cmd.Wait()
	allEnd(t, all)
}

// TestUsedUp: of a SIGKILL a death says how much of RLIMIT_CPU was used, at whose end the
// kernel sends it.
func TestUsedUp(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	limits := supervisor.Limits{Resources: map[supervisor.Limit]uint64{supervisor.LimitCPU: 1}}
	if _, err := supervisor.StartCommand(ctx, sup, shell("while :; do :; done", supervisor.Command{}), supervisor.Child{Restart: supervisor.Temporary, Limits: limits}); err != nil {
		t.Fatal(err)
	}
	r.until(t, ctx, "the end of the command", func() bool { return len(r.kinds(supervisor.EventGone)) > 0 })
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited && !(strings.HasPrefix(e.Exit.Summary, "killed by SIGKILL after ") && strings.HasSuffix(e.Exit.Summary, " s of processor time: its RLIMIT_CPU is 1 s")) {
			t.Errorf("%+v", e.Exit)
		}
	}
}

// TestLimitsOfCommand: a command has them, its guardian has not.
func TestLimitsOfCommand(t *testing.T) {
	var out buffer
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	nice, score := more(7, 444)
	limits := supervisor.Limits{Nice: &nice, OOMScore: &score, Resources: map[supervisor.Limit]uint64{supervisor.LimitOpenFiles: 77},
		ReadOnly: readable(), DenyCalls: []string{"sysinfo"}}
	if os.Getuid() == 0 {
		limits.User = &supervisor.User{UID: 4711, GID: 4712}
	}
	cmd := shell(`ulimit -n; ulimit -Hn; nice; cat /proc/self/oom_score_adj; id -u; echo "$GREETING"; echo x 2>/dev/null >"$DIR/file" || echo refused
		while read a b; do case $a in NoNewPrivs:|Seccomp:) echo $a $b;; esac; done </proc/self/status`,
		supervisor.Command{Output: &out, Env: []string{"GREETING=hello", "DIR=" + t.TempDir()}, Ready: supervisor.Ready{Exit: true}})
	_, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Restart: supervisor.Temporary, Limits: limits})
	if x := new(supervisor.RefusedError); errors.As(err, &x) && refusable(x) {
		testutil.Refused(t, err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	sup.Shutdown()
	id := os.Getuid()
	if limits.User != nil {
		id = limits.User.UID
	}
	want(t, "the command", out.String(), fmt.Sprintf("77\n77\n%d\n%d\n%d\nhello\nrefused\nNoNewPrivs: 1\nSeccomp: 2\n", nice, score, id))
}

// TestCommandInNamespaces: it sees its guardian and itself, is asked to end by
// its signal, and its end is told as any other's.
func TestCommandInNamespaces(t *testing.T) {
	limits := supervisor.Limits{Namespaces: []supervisor.Limit{supervisor.NamespacePID, supervisor.NamespaceMount}, Nice: new(19)}
	if os.Getuid() != 0 {
		limits.Namespaces = append(limits.Namespaces, supervisor.NamespaceUser)
	}
	var out buffer
	exits := make(chan actor.Exit, 1)
	ctx, sup, _ := newSupOn(t, supervisor.Spec{}, func(e supervisor.Event) {
		if e.Kind == supervisor.EventExited {
			exits <- *e.Exit
		}
	})
	cmd := shell(`trap 'echo bye; exit 3' TERM; setsid sleep 1000 & nice; echo /proc/[0-9]*; while :; do sleep 0.01; done`,
		supervisor.Command{Output: &out, Ready: supervisor.Ready{Line: regexp.MustCompile("^/proc")}})
	id, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Restart: supervisor.Temporary, Limits: limits})
	if x := new(supervisor.RefusedError); errors.As(err, &x) && refusable(x) {
		testutil.Refused(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	pid := sup.Children()[0].PID
	if err := sup.Terminate(ctx, id); err != nil {
		t.Fatal(err)
	}
	if x := <-exits; x.Code != 3 || x.PID != pid {
		t.Errorf("%+v, want the code of the command and the number %d of its guardian", x, pid)
	}
	if got := out.String(); !strings.HasPrefix(got, "19\n/proc/1 /proc/") || strings.Count(got, "/proc/") > 3 || !strings.HasSuffix(got, "bye\n") {
		t.Errorf("%q", got)
	}
}

// TestCommandLimitRefused: a command that is ready as soon as it runs is not
// ready when its limits are refused.
func TestCommandLimitRefused(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	_, err := supervisor.StartCommand(ctx, sup, shell("exec sleep 1000", supervisor.Command{Output: io.Discard}),
		supervisor.Child{Limits: supervisor.Limits{ReadOnly: []string{filepath.Join(t.TempDir(), "missing")}}})
	if x := new(supervisor.RefusedError); !errors.As(err, &x) || x.Limit != supervisor.LimitPaths {
		t.Fatal(err)
	}
}

// BenchmarkLimitedStart is the start of a child until it is ready, and its end, without
// limits and with those that need a second execve.
func BenchmarkLimitedStart(b *testing.B) {
	for _, bm := range []struct {
		name   string
		limits supervisor.Limits
	}{{"plain", supervisor.Limits{}}, {"limited", supervisor.Limits{NoNewPrivs: true}}} {
		b.Run(bm.name, func(b *testing.B) {
			ctx, sup, _ := newSup(b, supervisor.Spec{})
			for b.Loop() {
				ref, err := supervisor.StartChild(ctx, sup, inspected, supervisor.Child{Restart: supervisor.Temporary, Limits: bm.limits})
				if err != nil {
					b.Fatal(err)
				}
				if err := sup.Terminate(ctx, ref.ID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestCommandOfAnotherUserIsReady: a command that runs as another user may say itself
// that it is ready.
func TestCommandOfAnotherUserIsReady(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	// Its path is one that any user can reach.
	cmd := supervisor.Command{Path: "/proc/self/exe", Env: []string{rootVar + "=notify"}, Output: io.Discard, Ready: supervisor.Ready{Notify: true}}
	id, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Limits: supervisor.Limits{User: &supervisor.User{UID: 4711, GID: 4711}}})
	if errors.As(err, new(*supervisor.RefusedError)) {
		testutil.Refused(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, id); err != nil {
		t.Fatal(err)
	}
}
