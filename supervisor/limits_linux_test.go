package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/segment"
)

// TestLimits: every limit is seen from inside the child, in all its threads.
func TestLimits(t *testing.T) {
	t.Run("rlimits", func(t *testing.T) {
		see := started(t, supervisor.Limits{Resources: map[supervisor.Limit]uint64{
			supervisor.LimitOpenFiles: 100, supervisor.LimitCore: 0, supervisor.LimitCPU: 1000, supervisor.LimitFileSize: 64 << 20,
			supervisor.LimitSignals: 50, supervisor.LimitStack: 4 << 20, supervisor.LimitLocked: 4096, supervisor.LimitQueues: 8192,
		}})
		for n, v := range map[int]string{unix.RLIMIT_NOFILE: "100 100", unix.RLIMIT_CORE: "0 0", unix.RLIMIT_CPU: "1000 1000", unix.RLIMIT_FSIZE: "67108864 67108864",
			unix.RLIMIT_SIGPENDING: "50 50", unix.RLIMIT_STACK: "4194304 4194304", unix.RLIMIT_MEMLOCK: "4096 4096", unix.RLIMIT_MSGQUEUE: "8192 8192"} {
			want(t, fmt.Sprint("rlimit ", n), see("rlimit", fmt.Sprint(n)), v)
		}
	})
	t.Run("nice, oom, no new privileges", func(t *testing.T) {
		nice, score := more(11, 444)
		see := started(t, supervisor.Limits{Nice: &nice, OOMScore: &score, NoNewPrivs: true})
		want(t, "nice", see("nice", ""), fmt.Sprint(nice))
		want(t, "oom_score_adj", see("file", "/proc/self/oom_score_adj"), fmt.Sprint(score))
		want(t, "NoNewPrivs", see("status", "NoNewPrivs"), "1")
		want(t, "Seccomp", see("status", "Seccomp"), look("status", "Seccomp")) // as here
	})
	t.Run("paths", testPaths)
	t.Run("calls", func(t *testing.T) {
		see := started(t, supervisor.Limits{DenyCalls: []string{"sysinfo", "ptrace", "open_by_handle_at"}})
		want(t, "sysinfo", see("sysinfo", ""), "operation not permitted")
		want(t, "Seccomp", see("status", "Seccomp"), "2")
		want(t, "NoNewPrivs", see("status", "NoNewPrivs"), "1")
		want(t, "another program", see("run", "true"), "")
	})
	t.Run("execve", func(t *testing.T) {
		see := started(t, supervisor.Limits{DenyCalls: []string{"execve", "execveat", "seccomp"}})
		if got := see("run", "true"); !strings.Contains(got, "operation not permitted") {
			t.Errorf("a program of its own: %q", got)
		}
		want(t, "Seccomp", see("status", "Seccomp"), "2")
		for _, name := range []string{"UNDERSTUDY_LIMITS", "UNDERSTUDY_DENY"} {
			want(t, name, see("environment", name), "false")
		}
	})
	t.Run("namespaces", testNamespaces)
	t.Run("user", func(t *testing.T) {
		see := started(t, supervisor.Limits{User: &supervisor.User{UID: 4711, GID: 4712, Groups: []int{4713}}})
		want(t, "ids", see("ids", ""), "4711 4711 4712 4712 [4713]")
		want(t, "capabilities", see("status", "CapEff"), "0000000000000000")
	})
}

func testPaths(t *testing.T) {
	if os.Getenv("UNDERSTUDY_SEGMENT") == "file" {
		t.Skip("skipped: what is hidden here is in the directory that segments of this form are made in")
	}
	dir := t.TempDir()
	for _, name := range []string{"read/file", "write/file", "hidden/file"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	see := started(t, supervisor.Limits{ReadOnly: append(readable(), filepath.Join(dir, "read")), ReadWrite: append(writable(), filepath.Join(dir, "write"))})
	const denied = "permission denied"
	for _, tt := range []struct{ what, path, want string }{
		{"file", "read/file", "read/file"},
		{"write", "read/file", denied},
		{"write", "read/new", denied},
		{"truncate", "read/file", denied},
		{"remove", "read/file", denied},
		{"list", "read", ""},
		{"file", "write/file", "write/file"},
		{"write", "write/file", ""},
		{"write", "write/new", ""},
		{"remove", "write/new", ""},
		{"file", "hidden/file", denied},
		{"list", "hidden", denied},
		{"list", ".", denied},
		{"file", "read/../hidden/file", denied},
	} {
		got := see(tt.what, filepath.Join(dir, filepath.Dir(tt.path))+"/"+filepath.Base(tt.path))
		if got != tt.want && (tt.want != denied || !strings.HasSuffix(got, ": "+denied)) {
			t.Errorf("%s %s: %q, want %q", tt.what, tt.path, got, tt.want)
		}
	}
	want(t, "/dev/null", see("write", os.DevNull), "")
	want(t, "NoNewPrivs", see("status", "NoNewPrivs"), "1")
}

// TestUnreachableForms: a form of queue or segment that does not reach a child is
// refused before the child is started: messages would wait in it in vain.
func TestUnreachableForms(t *testing.T) {
	ipc, stranger := supervisor.Limits{Namespaces: []supervisor.Limit{supervisor.NamespaceIPC}}, supervisor.Limits{User: &supervisor.User{UID: os.Geteuid() + 1}}
	queue, priorities, blocks := mailbox.Config{Queue: "sysv"}, mailbox.Config{Queue: "sysv", Priorities: true}, mailbox.Config{Segment: "sysv"}
	same := supervisor.Limits{User: &supervisor.User{UID: os.Geteuid()}}
	for _, tt := range []struct {
		limits supervisor.Limits
		box    mailbox.Config
		env    string
		want   string
	}{
		{ipc, queue, "", "a queue"},
		{ipc, priorities, "", "a queue"},
		{ipc, blocks, "", "a segment"},
		{ipc, mailbox.Config{}, "UNDERSTUDY_QUEUE", "a queue"},
		{ipc, mailbox.Config{}, "UNDERSTUDY_SEGMENT", "a segment"},
		{stranger, queue, "", "a queue"},
		{stranger, blocks, "", "a segment"},
		{ipc, mailbox.Config{Queue: "ring", Segment: "memfd"}, "UNDERSTUDY_QUEUE", ""},
		{ipc, mailbox.Config{Queue: "posix", Segment: "shm"}, "UNDERSTUDY_SEGMENT", ""},
		{same, queue, "", ""},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Setenv("UNDERSTUDY_QUEUE", "")
			t.Setenv("UNDERSTUDY_SEGMENT", "")
			if tt.env != "" {
				t.Setenv(tt.env, "sysv")
			}
			if err := (supervisor.Child{Command: &supervisor.Command{Path: "true"}, Limits: tt.limits}).Validate(); err != nil {
				t.Errorf("a command, which has no mailbox: %v", err)
			}
			err := supervisor.Child{Actor: inspected, Limits: tt.limits, Mailbox: tt.box}.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want+` of the form "sysv"`)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func testNamespaces(t *testing.T) {
	const user, pid, network, ipc, mount = supervisor.NamespaceUser, supervisor.NamespacePID, supervisor.NamespaceNet, supervisor.NamespaceIPC, supervisor.NamespaceMount
	for _, set := range [][]supervisor.Limit{{user}, {network}, {ipc, mount}, {pid}, {pid, mount}, {user, pid, network, ipc, mount}} {
		t.Run(fmt.Sprint(set), func(t *testing.T) {
			before := procMounts()
			see := started(t, supervisor.Limits{Namespaces: set})
			want(t, "what is mounted on /proc here", procMounts(), before)
			for n, file := range map[supervisor.Limit]string{user: "user", network: "net", ipc: "ipc", mount: "mnt"} {
				link := "/proc/self/ns/" + file
				if has, other := slices.Contains(set, n), see("link", link) != look("link", link); has != other {
					t.Errorf("%s: asked for %v, other than here %v", n, has, other)
				}
			}
			want(t, "ids", see("ids", ""), inUserNamespace(set, look("ids", "")))
			if slices.Contains(set, network) {
				want(t, "interfaces", see("interfaces", ""), "lo")
			}
			if slices.Contains(set, pid) {
				want(t, "pid", see("pid", ""), "1")
				want(t, "ambient capabilities", see("status", "CapAmb"), look("status", "CapAmb"))
			}
			if slices.Contains(set, pid) && slices.Contains(set, mount) {
				want(t, "processes", see("processes", ""), "1")
			}
		})
	}
}

// procMounts are the mounts on /proc, or in it, that this process sees.
func procMounts() (mounts string) {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], "/proc") {
			mounts += line
		}
	}
	return mounts
}

// inUserNamespace is what the ids of this process look like in the namespaces:
// groups that are not its own have no number there.
func inUserNamespace(set []supervisor.Limit, ids string) string {
	groups, err := unix.Getgroups()
	if err != nil || !slices.Contains(set, supervisor.NamespaceUser) {
		return ids
	}
	for i, g := range groups {
		if g != unix.Getegid() {
			groups[i] = 65534
		}
	}
	return fmt.Sprint(unix.Getuid(), unix.Geteuid(), unix.Getgid(), unix.Getegid(), groups)
}

// TestLimitRefused: what the machine refuses is a typed error, and an event if
// it was optional.
func TestLimitRefused(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	nice := func(v int) *int { v, _ = more(v, 0); return &v }
	tests := []struct {
		limit  supervisor.Limit
		limits supervisor.Limits
		err    error
	}{
		{supervisor.LimitQueues, supervisor.Limits{Nice: nice(12), Resources: map[supervisor.Limit]uint64{supervisor.LimitQueues: 1 << 60}}, unix.EPERM},
		{supervisor.LimitPaths, supervisor.Limits{Nice: nice(13), ReadOnly: append(readable(), missing)}, unix.ENOENT},
		{supervisor.LimitUser, supervisor.Limits{Nice: nice(14), User: &supervisor.User{UID: 4711, GID: 4711}}, unix.EPERM},
		{supervisor.NamespacePID, supervisor.Limits{Nice: nice(16), Namespaces: []supervisor.Limit{supervisor.NamespacePID, supervisor.NamespaceMount}}, unix.EPERM},
		{supervisor.LimitOOMScore, supervisor.Limits{Nice: nice(15), OOMScore: new(-1000)}, unix.EACCES},
	}
	for _, tt := range tests {
		t.Run(string(tt.limit), func(t *testing.T) {
			_, _, err := inspect(t, tt.limits)
			if err == nil {
				t.Skipf("this machine does not refuse it to uid %d", os.Getuid())
			}
			x, se := new(supervisor.RefusedError), new(supervisor.StartError)
			if !errors.As(err, &se) || !errors.As(err, &x) || x.Limit != tt.limit || x.Value == "" || x.Remedy == "" || !errors.Is(err, tt.err) {
				t.Fatalf("%v (%+v)", err, x)
			}
			t.Log(err)
			tt.limits.Optional = append(tt.limits.Namespaces, tt.limit)
			see, r, err := inspect(t, tt.limits)
			if err != nil {
				t.Fatal(err)
			}
			want(t, "nice, which was not refused", see("nice", ""), fmt.Sprint(*tt.limits.Nice))
			if got := r.kinds(supervisor.EventRefused); len(got) != 1 {
				t.Fatalf("%d events: %q", len(got), got)
			}
		})
	}
}

// TestLimitTooLowToReceive: a child that can read no message because of a limit of its
// own ends, and its last words, one line in the facts of its death, name the limit.
func TestLimitTooLowToReceive(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Restart: supervisor.Temporary,
		Limits: supervisor.Limits{Resources: map[supervisor.Limit]uint64{supervisor.LimitFileSize: 0}}})
	_, err := actor.Ask(ctx, ref, Who{})
	gone := new(actor.GoneError)
	if !errors.As(err, &gone) {
		t.Fatal(err)
	}
	x := gone.Exit
	if x.Kind != actor.ExitCode || x.Code != 1 || !strings.HasPrefix(x.Summary, "exit status 1: ") || !strings.Contains(x.Summary, "RLIMIT_FSIZE is 0") ||
		strings.Contains(x.Summary, "\n") {
		t.Errorf("%v, %q", x.Kind, x.Summary)
	}
	if !strings.Contains(x.Stderr, "RLIMIT_FSIZE is 0") || strings.Contains(x.Stderr, "supervisor was shut down") {
		t.Errorf("stderr: %q", x.Stderr)
	}
}

// TestLimitedChildRestarts: the limits are there again after a death, and the
// mailbox is kept.
func TestLimitedChildRestarts(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 10})
	nice := 9
	if p, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		nice = max(nice, 20-p) // a lower value needs privilege
	}
	ref := startNode(t, ctx, sup, supervisor.Child{Limits: supervisor.Limits{Nice: &nice}})
	before := who(t, ctx, ref)
	tell(t, ctx, ref, "kill")
	if after := who(t, ctx, ref); after.Incarnation != before.Incarnation+1 {
		t.Fatalf("%+v after %+v", after, before)
	}
	if p, err := unix.Getpriority(unix.PRIO_PROCESS, who(t, ctx, ref).PID); err != nil || 20-p != nice {
		t.Fatal(20-p, err)
	}
}

// TestLimitsUnprivileged runs these tests as a user without rights.
func TestLimitsUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("skipped: this user has no rights already")
	}
	dir, err := os.MkdirTemp("", "understudy-limits") // t.TempDir is for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testutil.HangGuard)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.v", "-test.run=^(TestLimits|TestLimitRefused|TestLimitsOfCommand|TestCommandLimitRefused|TestNamespaceEndsAll|TestCommandInNamespaces)$")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		testutil.Refused(t, err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestLimits/paths") && !strings.Contains(string(out), "refused by this machine") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestLimitsRefusedByContainer: where calls are refused by a profile, as a
// container's, a limit that needs one is a typed error, or an event.
func TestLimitsRefusedByContainer(t *testing.T) {
	if os.Getenv(refusedVar) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestLimitsRefusedByContainer$")
		cmd.Env = append(os.Environ(), refusedVar+"=1", testutil.RefuseVar+"=landlock_create_ruleset,seccomp,setpriority")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	all := supervisor.Limits{ReadOnly: []string{"/"}, DenyCalls: []string{"ptrace"}, Nice: new(19)}
	for _, limit := range []supervisor.Limit{supervisor.LimitPaths, supervisor.LimitCalls, supervisor.LimitNice} {
		limits := all
		for _, o := range []supervisor.Limit{supervisor.LimitPaths, supervisor.LimitCalls, supervisor.LimitNice} {
			if o != limit {
				limits.Optional = append(limits.Optional, o)
			}
		}
		_, _, err := inspect(t, limits)
		if x := new(supervisor.RefusedError); !errors.As(err, &x) || x.Limit != limit || !errors.Is(err, unix.EPERM) || x.Remedy == "" {
			t.Errorf("%s: %v", limit, err)
		}
	}
	all.Optional = []supervisor.Limit{supervisor.LimitPaths, supervisor.LimitCalls, supervisor.LimitNice}
	see, r, err := inspect(t, all)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventRefused); len(got) != 3 {
		t.Errorf("%d events, want 3: %q", len(got), got)
	}
	want(t, "NoNewPrivs, which nobody refuses", see("status", "NoNewPrivs"), "1")
}

const refusedVar = "SUPERVISOR_TEST_REFUSED"

// TestLimitsValidate lists every problem.
func TestLimitsValidate(t *testing.T) {
	l := supervisor.Limits{
		Resources: map[supervisor.Limit]uint64{"RLIMIT_JOY": 1, supervisor.LimitOpenFiles: 3},
		Nice:      new(20), OOMScore: new(1001), ReadOnly: []string{"relative"}, DenyCalls: []string{"no_such_call", "mmap"},
		User: &supervisor.User{UID: -1}, Optional: []supervisor.Limit{"joy"}, Namespaces: []supervisor.Limit{"joy", supervisor.NamespaceUser},
	}
	if n := strings.Count(fmt.Sprint(l.Validate()), "\n") + 1; n != 11 {
		t.Errorf("%d problems, want 11:\n%v", n, l.Validate())
	}
	for want, l := range map[string]supervisor.Limits{
		"Nice -21": {Nice: new(-21)}, "OOMScore -1001": {OOMScore: new(-1001)}, "must be one of RLIMIT_AS, RLIMIT_CORE": {Resources: map[supervisor.Limit]uint64{"joy": 1}},
		"User has": {User: &supervisor.User{GID: -1}}, "User has a": {User: &supervisor.User{Groups: []int{0, -1}}},
	} {
		if err := (supervisor.Child{Actor: inspected, Limits: l}).Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, l := range []supervisor.Limits{
		{}, {Nice: new(-20), OOMScore: new(-1000)}, {Nice: new(19), OOMScore: new(1000), User: &supervisor.User{Groups: []int{0}}},
		{Resources: map[supervisor.Limit]uint64{supervisor.LimitOpenFiles: 32, supervisor.LimitCore: 0}},
	} {
		if err := l.Validate(); err != nil {
			t.Error(err)
		}
	}
	pids := supervisor.Limits{Namespaces: []supervisor.Limit{supervisor.NamespacePID}}
	if err := (supervisor.Child{Subtree: variable, Limits: pids}).Validate(); err == nil || !strings.Contains(err.Error(), "by the same numbers") {
		t.Errorf("a Subtree with a PID namespace: %v", err)
	}
	for _, call := range []string{"clone", "recvmsg", "sendmsg", "memfd_create"} {
		l := supervisor.Limits{DenyCalls: []string{"ptrace", call}}
		if err := (supervisor.Child{Actor: inspected, Limits: l}).Validate(); (err == nil || !strings.Contains(err.Error(), "has "+call)) && (call != "memfd_create" || segment.Sealed()) {
			t.Errorf("an actor without %s: %v", call, err)
		}
		if err := (supervisor.Child{Name: "c", Command: &supervisor.Command{Path: "true"}, Limits: l}).Validate(); err != nil {
			t.Errorf("a command without %s: %v", call, err)
		}
	}
	for name, c := range map[string]supervisor.Child{
		"in place": {InPlace: true}, "Supervisor": {Name: "x", Supervisor: &supervisor.Spec{}}, "execve": {Command: &supervisor.Command{Path: "true"}},
	} {
		c.Limits.DenyCalls = []string{"execve"}
		if err := c.Validate(); name != "Supervisor" && (err == nil || !strings.Contains(err.Error(), name)) || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
