package process_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/wire"
)

// actVar says what this binary does as a child.
const actVar = "PROCESS_TEST_ACT"

func TestMain(m *testing.M) { testutil.Main(m, act) }

// act is the child's side. The variable is removed: of two settings of one
// variable the first one counts, so a child of the child would do the same as
// its parent, and so on without an end.
func act() {
	what := os.Getenv(actVar)
	os.Unsetenv(actVar)
	switch what {
	case "":
		return
	case "oom parent":
		oomParent()
	case "reuse":
		if err := process.ReuseNumbers(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("fine")
		os.Exit(0)
	case "end", "lose leader":
		process.EndThem(what)
	case "bare", "full":
		stayBare(what == "full")
	case "live for other":
		liveForOther()
	case "tracer":
		trace()
	case "exit 0":
		os.Exit(0)
	case "exit 7":
		os.Exit(7)
	case "panic":
		panic("the roof is on fire")
	case "segv":
		_ = unix.Kill(os.Getpid(), unix.SIGSEGV)
	case "two panics":
		func() {
			defer func() { fmt.Fprintln(os.Stderr, "panic:", recover(), "(survived)") }()
			panic("the first")
		}()
		panic("the second")
	case "fatal":
		new(sync.Mutex).Unlock()
	case "chatter panic":
		for i := range 3000 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
		for range 300 {
			go func() { select {} }()
		}
		panic("after much")
	case "memory":
		takeMemory()
	case "one slice": // as for a length that somebody else has given
		fmt.Fprintln(os.Stderr, len(bytes.Repeat([]byte{1}, 300<<20)))
	case "less memory":
		lessMemory()
	case "soft limit":
		saySoftLimit()
	case "files":
		es, _ := os.ReadDir("/proc/self/fd")
		for _, e := range es {
			to, _ := os.Readlink("/proc/self/fd/" + e.Name())
			if to != "" && !strings.Contains(to, "/proc/") && !strings.HasPrefix(to, "anon_inode:") && !strings.Contains(to, "/sys/fs/cgroup") {
				fmt.Fprintln(os.Stderr, "fd", e.Name(), to)
			}
		}
		os.Exit(0)
	case "chatter":
		for line := make([]byte, 64<<10); ; { // more than is read at once: the pipe is never empty
			_, _ = os.Stderr.Write(line)
		}
	case "fork", "fork away", "fork away a chatterer":
		fork(what)
	}
	if os.Getenv(sayVar) != "" {
		fmt.Fprintln(os.Stderr, "here")
	}
	for {
		_ = unix.Pause() // sleep
	}
}

// takeMemory takes more and more, without an end.
func takeMemory() {
	var all [][]byte
	for {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
	}
}

// fork starts a grandchild and ends.
func fork(what string) {
	attr := &syscall.SysProcAttr{Setsid: what != "fork"}
	// Set, not appended: of two values Go takes the first, and a child that
	// forks again, away from every group, would go on for ever.
	if os.Setenv(actVar, "sleep"); what == "fork away a chatterer" {
		os.Setenv(actVar, "chatter")
	}
	p, err := os.StartProcess("/proc/self/exe", []string{"child"}, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{nil, nil, os.Stderr}, Sys: attr})
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "pid", p.Pid)
	os.Exit(0)
}

func spec(what string) process.Spec {
	return process.Spec{Path: "/proc/self/exe", Args: []string{"child"}, Env: append(os.Environ(), actVar+"="+what)}
}

func start(t testing.TB, s process.Spec) *process.Process {
	t.Helper()
	starter := process.NewStarter()
	t.Cleanup(starter.Close)
	p, err := starter.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.KillGroup()
		<-p.Done()
	})
	return p
}

func ended(t testing.TB, p *process.Process) process.Exit {
	t.Helper()
	select {
	case <-p.Done():
		return p.Exit()
	case <-time.After(testutil.HangGuard):
		t.Fatal("it does not end")
		panic("unreachable")
	}
}

// TestExits: how a process ended, in all its ways.
func TestExits(t *testing.T) {
	for _, tt := range []struct {
		act     string
		kind    uint8
		code    int
		signal  syscall.Signal
		summary string
	}{
		{"exit 0", wire.ExitNormal, 0, 0, "exit status 0"},
		{"exit 7", wire.ExitCode, 7, 0, "exit status 7"},
		{"panic", wire.ExitPanic, 2, 0, "panic: the roof is on fire"},
		{"segv", wire.ExitPanic, 2, 0, ""},
	} {
		t.Run(tt.act, func(t *testing.T) {
			x := ended(t, start(t, spec(tt.act)))
			if tt.act == "segv" { // as the runtime or as the kernel reports it
				if x.Kind == wire.ExitNormal {
					t.Fatalf("%+v", x)
				}
				return
			}
			if x.Kind != tt.kind || x.Code != tt.code || x.Signal != tt.signal || x.Summary != tt.summary || x.MaxRSS == 0 {
				t.Fatalf("%+v", x)
			}
			if tt.act == "panic" && (!strings.Contains(x.Stderr, "goroutine 1") || !strings.HasPrefix(x.Stack, x.Summary+"\n\ngoroutine 1")) {
				t.Fatalf("no stack in %q, %q", x.Stderr, x.Stack)
			}
		})
	}
}

func TestKilled(t *testing.T) {
	p := start(t, spec("sleep"))
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if x := ended(t, p); x.Kind != wire.ExitSignal || x.Signal != unix.SIGKILL || x.Summary != "killed by SIGKILL" {
		t.Fatalf("%+v", x)
	}
	if err := p.Signal(unix.SIGKILL); !errors.Is(err, process.ErrDone) {
		t.Fatalf("a signal after the end: %v", err)
	}
}

// TestMemoryLimit: a process that goes over RLIMIT_DATA dies, and the reason is
// known. With cgo it may be a thread, rather than the heap, for which there is no room.
func TestMemoryLimit(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("skipped under the race detector: its shadow memory does not fit into any RLIMIT_DATA")
	}
	for range testutil.Rounds(6, 200) {
		for _, act := range []string{"memory", "one slice"} {
			s := spec(act)
			s.MemoryBytes = 128 << 20
			if x := ended(t, start(t, s)); x.Kind != wire.ExitMemory && !strings.Contains(x.Summary, "it got no thread") || !strings.Contains(x.Summary, "128 MiB") {
				t.Fatalf("%s: %d %s\n%.500s", act, x.Kind, x.Summary, x.Stderr)
			}
		}
	}
}

// TestSoftLimit: below that limit, at 80 % of it, the Go runtime of the process has its
// own, whatever the environment says; without one it has what the environment says.
func TestSoftLimit(t *testing.T) {
	for bytes, want := range map[uint64]string{1 << 30: "GOMEMLIMIT=858993456;", 0: "GOMEMLIMIT=5GiB;"} {
		if bytes > 0 && testutil.RaceEnabled {
			continue // its shadow memory does not fit into any RLIMIT_DATA
		}
		s := spec("soft limit")
		s.Env = slices.DeleteFunc(s.Env, func(v string) bool { return strings.HasPrefix(v, "GOMEMLIMIT=") })
		s.Env = append(s.Env, "GOMEMLIMIT=5GiB")
		s.MemoryBytes = bytes
		env := slices.Clone(s.Env)
		if x := ended(t, start(t, s)); x.Stderr != want || x.Code != 0 {
			t.Errorf("%d bytes: %q, %s; want %q", bytes, x.Stderr, x.Summary, want)
		}
		if !slices.Equal(s.Env, env) {
			t.Error("the caller's environment has changed")
		}
	}
}

// saySoftLimit says what the environment says of it.
func saySoftLimit() {
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "GOMEMLIMIT=") {
			fmt.Fprint(os.Stderr, v, ";")
		}
	}
	os.Exit(0)
}

// TestMemoryRefused: more memory than this process may have itself cannot be
// allowed to a child without privilege; the error says so, and nothing of that child is
// left. As much can be.
func TestMemoryRefused(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("skipped under the race detector: its shadow memory does not fit into any RLIMIT_DATA")
	}
	const least = 4 << 30
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &have); err != nil || have.Max < least {
		testutil.Refused(t, fmt.Sprintf("RLIMIT_DATA is %d bytes, and this test needs %d", have.Max, uint64(least)))
	}
	x := ended(t, start(t, spec("less memory")))
	if x.Code != 0 || !strings.Contains(x.Stderr, "RLIMIT_DATA is 4294967296") || !strings.Contains(x.Stderr, "LimitDATA=") || !strings.Contains(x.Stderr, "as much: <nil>") ||
		!strings.Contains(x.Stderr, "a child is left: false") || !strings.Contains(x.Stderr, "a descriptor is left: false") {
		t.Errorf("%s\n%s", x.Summary, x.Stderr)
	}
}

// lessMemory is a process without privilege that starts two children: one that may
// have more memory than itself, and one that may have as much.
func lessMemory() {
	err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: 4 << 30, Max: 4 << 30})
	if err == nil && os.Getuid() == 0 {
		err = syscall.Setuid(65534)
	}
	starter := process.NewStarter()
	as := spec("exit 0")
	as.MemoryBytes = 4 << 30
	p, started := starter.Start(as)
	if fmt.Fprintln(os.Stderr, "as much:", started); started == nil {
		<-p.Done()
	}
	before := descriptors()
	more := spec("sleep")
	more.MemoryBytes = 8 << 30
	_, started = starter.Start(more)
	fmt.Fprintln(os.Stderr, "more:", started)
	_, left := unix.Wait4(-1, nil, unix.WNOHANG, nil)
	fmt.Fprintln(os.Stderr, "a child is left:", left != unix.ECHILD)
	for begin := time.Now(); descriptors() > before && time.Since(begin) < 10*time.Second; { // its stderr is read to the end
	}
	fmt.Fprintln(os.Stderr, "a descriptor is left:", descriptors() > before)
	if err != nil {
		panic(err)
	}
	os.Exit(0)
}

// descriptors is how many descriptors are open, without /proc, which a process that has
// changed its user cannot read.
func descriptors() (n int) {
	for fd := range 256 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// TestFiles: a child has the descriptors that it was given and no others, such as those
// that this process was started with.
func TestFiles(t *testing.T) {
	started, err := unix.Dup(0) // is not closed by an exec, like those
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(started)
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := spec("files")
	s.Files = []*os.File{f, f}
	x := ended(t, start(t, s))
	var lines []string
	for line := range strings.Lines(x.Stderr) {
		lines = append(lines, strings.Fields(line)[1])
	}
	slices.Sort(lines)
	if got := strings.Join(lines, " "); got != "0 1 2 3 4" {
		t.Fatalf("descriptors %s", x.Stderr)
	}
}

// TestStdin: a child does not read what is meant for its parent.
func TestStdin(t *testing.T) {
	old, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(old)
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[1])
	err = unix.Dup3(p[0], 0, 0)
	unix.Close(p[0])
	defer func() { _ = unix.Dup3(old, 0, 0) }()
	if err != nil {
		t.Fatal(err)
	}
	if x := ended(t, start(t, spec("files"))); !strings.Contains(x.Stderr, "fd 0 /dev/null\n") {
		t.Fatalf("descriptors %s", x.Stderr)
	}
}

// TestGroup: what a child has started ends with it; what has left its group
// does not, and does not hold up the end although it has the child's stderr.
func TestGroup(t *testing.T) {
	for _, away := range []bool{false, true} {
		what := "fork"
		if away {
			what = "fork away"
		}
		x := ended(t, start(t, spec(what)))
		var pid int
		if _, err := fmt.Sscanf(x.Stderr, "pid %d", &pid); err != nil {
			t.Fatalf("%q: %v", x.Stderr, err)
		}
		if away {
			_ = unix.Kill(pid, unix.SIGKILL)
			continue
		}
		for begin := time.Now(); unix.Kill(pid, 0) == nil && state(pid) != "Z"; {
			if time.Since(begin) > testutil.HangGuard {
				t.Fatal("the grandchild lives")
			}
		}
	}
}

// TestStrangerThatWrites: nor does one that writes to the child's stderr without
// an end, faster than that is dealt with. It ends when nobody is left who reads.
func TestStrangerThatWrites(t *testing.T) {
	s := spec("fork away a chatterer")
	s.Stderr = slow{}
	x := ended(t, start(t, s))
	var pid int
	if _, err := fmt.Sscanf(x.Stderr[max(0, strings.Index(x.Stderr, "pid")):], "pid %d", &pid); err == nil { // it may have been said too late to be kept
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// slow is a sink that takes longer for what it gets than it takes to write that.
type slow struct{}

func (slow) Write(b []byte) (int, error) {
	for range 1000 {
		_ = sha256.Sum256(b)
	}
	return len(b), nil
}

func state(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:min(1, len(rest))]
}

// TestNoThreadAChild: waiting for a child takes no thread.
func TestNoThreadAChild(t *testing.T) {
	starter := process.NewStarter()
	defer starter.Close()
	threads := func() int {
		es, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(es)
	}
	before := threads()
	const n = 20
	var all []*process.Process
	for range n {
		p, err := starter.Start(spec("sleep"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if got := threads() - before; got > n/4 {
		t.Errorf("%d children took %d threads", n, got)
	}
	for _, p := range all {
		if err := p.KillGroup(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range all {
		<-p.Done()
	}
}

// TestManyLeaveNothing: no zombie, descriptor or goroutine is left.
func TestManyLeaveNothing(t *testing.T) {
	testutil.Audit(t)
	starter := process.NewStarter()
	defer starter.Close()
	for range testutil.Rounds(20, 500) {
		p, err := starter.Start(spec("exit 7"))
		if err != nil {
			t.Fatal(err)
		}
		_ = p.KillGroup()
		<-p.Done()
	}
}

// TestStartFails: the error says which file, what failed, and what to do.
func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	starter := process.NewStarter()
	defer starter.Close()
	for path, want := range map[string]error{filepath.Join(dir, "missing"): syscall.ENOENT, plain: syscall.EACCES} {
		_, err := starter.Start(process.Spec{Path: path, Args: []string{"x"}})
		if se := new(process.StartError); !errors.As(err, &se) || !errors.Is(err, want) || se.Path != path || se.Remedy == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
}
