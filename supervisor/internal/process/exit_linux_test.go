package process_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestCrashes: the last words of the Go runtime are found among everything
// else, with the stack of the goroutine that had them.
func TestCrashes(t *testing.T) {
	for _, tt := range []struct {
		act, summary, stack string
		env                 []string
	}{
		{"two panics", "panic: the second", "main.act", nil},
		{"fatal", "fatal error: sync: unlock of unlocked mutex", "goroutine ", nil},
		{"chatter panic", "panic: after much", "main.act", []string{"GOTRACEBACK=all"}},
		{"panic", "panic: the roof is on fire", "main.act", []string{"GOTRACEBACK=crash"}},
	} {
		t.Run(tt.act, func(t *testing.T) {
			s := spec(tt.act)
			s.Env = append(s.Env, tt.env...)
			x := ended(t, start(t, s))
			stack := strings.ReplaceAll(x.Stack, "process_test.act", "main.act")
			if x.Kind != wire.ExitPanic || !strings.HasPrefix(x.Summary, tt.summary) || !strings.Contains(stack, tt.stack) {
				t.Fatalf("kind %d, %q, stack %q", x.Kind, x.Summary, x.Stack)
			}
			if crash := len(tt.env) > 0 && tt.env[0] == "GOTRACEBACK=crash"; crash != (x.Signal == unix.SIGABRT) {
				t.Fatalf("signal %v", x.Signal)
			}
		})
	}
}

// TestQuit: SIGQUIT makes a Go process show its goroutines and end; that is a
// signal's doing, not a panic.
func TestQuit(t *testing.T) {
	s := spec("sleep")
	ready := &firstLine{seen: make(chan struct{})}
	s.Stderr = ready
	s.Env = append(s.Env, sayVar+"=1")
	p := start(t, s)
	<-ready.seen
	if err := p.Signal(unix.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	x := ended(t, p)
	if x.Kind != wire.ExitSignal || x.Signal != unix.SIGQUIT || x.Code != 2 || !strings.Contains(x.Stack, "goroutine 1") {
		t.Fatalf("%+v", x)
	}
}

// firstLine says when something was written.
type firstLine struct {
	seen chan struct{}
	once bool
}

func (w *firstLine) Write(b []byte) (int, error) {
	if !w.once {
		w.once = true
		close(w.seen)
	}
	return len(b), nil
}

// TestOutOfMemoryInGroup: the kernel's out-of-memory killer is told from any
// other SIGKILL.
func TestOutOfMemoryInGroup(t *testing.T) {
	dir, limit := memoryGroup(t)
	if err := os.WriteFile(filepath.Join(dir, limit), []byte("67108864"), 0); err != nil {
		testutil.Refused(t, err)
	}
	// The count is that of this process's own group, so a helper has to be in
	// the small one and start the victim there.
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), actVar+"=oom parent", groupVar+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("kind 5 signal 9")) || !bytes.Contains(out, []byte("then kind 3")) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

const (
	groupVar = "PROCESS_TEST_GROUP"
	sayVar   = "PROCESS_TEST_SAY"
)

// memoryGroup makes a cgroup with a memory controller of its own.
func memoryGroup(t *testing.T) (dir, limit string) {
	base := ""
	own, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 && f[1] == "memory" {
			base, limit = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if len(f) == 3 && f[0] == "0" && base == "" {
			base, limit = "/sys/fs/cgroup"+f[2], "memory.max"
		}
	}
	dir = filepath.Join(base, fmt.Sprintf("understudy-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		testutil.Refused(t, err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, limit)); err != nil {
		testutil.Refused(t, fmt.Errorf("no memory controller: %w", err))
	}
	return dir, limit
}

// oomParent enters the group, and says how two children ended: one that used
// too much memory, and one that was killed.
func oomParent() {
	if err := os.WriteFile(os.Getenv(groupVar)+"/cgroup.procs", []byte("0"), 0); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Unsetenv(actVar) // of two values, a process sees the first
	starter := process.NewStarter()
	p, err := starter.Start(spec("memory"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	<-p.Done()
	fmt.Printf("kind %d signal %d: %s\n", p.Exit().Kind, p.Exit().Signal, p.Exit().Summary)
	if p, err = starter.Start(spec("sleep")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = syscall.Kill(p.PID(), syscall.SIGKILL)
	<-p.Done()
	fmt.Printf("then kind %d: %s\n", p.Exit().Kind, p.Exit().Summary)
	os.Exit(0)
}

// TestOutOfThreads: a program that could make no thread says so in words of its
// runtime; the summary says which limit that is.
func TestOutOfThreads(t *testing.T) {
	for words, x := range map[string]process.Exit{
		"runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n": {Code: 2, Stack: "SIGABRT: abort\n"},
		"runtime: failed to create new OS thread (have 2 already; errno=11)\nruntime: may need to increase max user processes (ulimit -u)\nfatal error: newosproc\n": {
			Code: 2, Stack: "fatal error: newosproc\n"},
	} {
		before := x
		before.Classify(0)
		x.Stderr = words
		x.Classify(0)
		if x.Kind != before.Kind || !strings.HasPrefix(x.Summary, before.Summary+": ") || !strings.Contains(x.Summary, "RLIMIT_NPROC") || strings.Contains(before.Summary, "RLIMIT") {
			t.Errorf("%q became %q", before.Summary, x.Summary)
		}
		if x.Classify(96 << 20); !strings.Contains(x.Summary, "96 MiB") || !strings.Contains(x.Summary, "RLIMIT_NPROC") { // it may be either
			t.Errorf("with a limit %q became %q", before.Summary, x.Summary)
		}
	}
}

// TestNilInRuntime: where the Go runtime does not look whether it got memory, it dies
// of a nil pointer. With a limit, that is the reason.
func TestNilInRuntime(t *testing.T) {
	const (
		own = "SIGSEGV: segmentation violation\nPC=0x43301d m=0 sigcode=1 addr=0x0\n\ngoroutine 0 gp=0x792b80 m=0 mp=0x793b80 [idle]:\nruntime.(*spanQueue).tryDrain(0x7ffc00000400?)\n"
		// A program's own nil pointer is a panic of Go; one of C code shows the call.
		call = "SIGSEGV: segmentation violation\nPC=0x7f9b2b3cbeec m=0 sigcode=1 addr=0x0\nsignal arrived during cgo execution\n\ngoroutine 1 gp=0xc000002380 m=0 mp=0x793b80 [syscall]:\nruntime.cgocall(0x5, 0x6)\n"
		far  = "SIGSEGV: segmentation violation\nPC=0x43301d m=0 sigcode=1 addr=0x7f00\n\ngoroutine 0 gp=0x792b80 m=0 mp=0x793b80 [idle]:\nruntime.f(0x1)\n"
	)
	for _, c := range []struct {
		stack  string
		memory uint64
		want   uint8
	}{
		{own, 128 << 20, wire.ExitMemory},
		{own, 0, wire.ExitPanic},
		{call, 128 << 20, wire.ExitPanic},
		{far, 128 << 20, wire.ExitPanic},
	} {
		x := process.Exit{Code: 2, Stack: c.stack}
		if x.Classify(c.memory); x.Kind != c.want {
			t.Errorf("memory %d: %d %s\n%s", c.memory, x.Kind, x.Summary, c.stack)
		}
	}
}
