package process

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-go/understudy/transport/wire"
)

// Exit is how a process ended.
type Exit struct {
	PID     int
	Kind    uint8          // one of the wire's Exit constants
	Code    int            // or -1
	Signal  syscall.Signal // or 0
	Core    bool
	Runtime time.Duration
	CPU     time.Duration // user and system
	MaxRSS  int64         // bytes
	Stderr  string        // its beginning and its end
	Stack   string        // what a Go program writes when it crashes: the reason, and what follows
	Summary string        // one line for people
}

// circumstances is what is known of a death besides its status.
type circumstances struct {
	memory uint64 // limit of its data memory in bytes, or 0
	killed bool   // by this process
	oom    string // what the kernel says about memory that ran out, or ""
}

// Classify sets Kind and Summary again after other fields were changed. memory is the
// limit that the process had, in bytes, or 0.
func (e *Exit) Classify(memory uint64) { e.classify(circumstances{memory: memory, killed: true}) }

// classify fills in Kind and Summary from the facts.
func (e *Exit) classify(c circumstances) {
	line, _, _ := strings.Cut(e.Stack, "\n")
	switch {
	case e.Signal == syscall.SIGKILL && !c.killed && c.oom != "":
		e.Kind = wire.ExitMemory
		e.Summary = "killed by the kernel: out of memory, " + c.oom
	case e.Signal == syscall.SIGABRT && isCrash(line): // GOTRACEBACK=crash
		e.Kind = wire.ExitPanic
		e.Summary = line + e.core()
	case e.Signal != 0:
		e.Kind = wire.ExitSignal
		e.Summary = "killed by " + signalName(e.Signal) + e.core()
	case e.Code == 0:
		e.Kind = wire.ExitNormal
		e.Summary = "exit status 0"
	case c.memory > 0 && e.Code == 2 && strings.Contains(e.Stderr, "cannot allocate memory") || outOfMemory(e.Stack),
		c.memory > 0 && nilInRuntime(e.Stack):
		e.Kind = wire.ExitMemory
		e.Summary = "out of memory"
		if c.memory > 0 {
			e.Summary = fmt.Sprintf("went over its memory limit of %d MiB", c.memory>>20)
		}
	case e.Code == 2 && strings.HasPrefix(line, "SIGQUIT: "): // a goroutine dump was requested
		e.Kind, e.Signal = wire.ExitSignal, syscall.SIGQUIT
		e.Summary = "ended by SIGQUIT"
	case e.Code == 2 && isCrash(line):
		e.Kind = wire.ExitPanic
		e.Summary = line
		if wroteReadOnly(e.Stack) {
			e.Summary += ": it wrote to memory that it may only read, such as a View or a received Buffer"
		}
	default:
		e.Kind = wire.ExitCode
		e.Summary = fmt.Sprintf("exit status %d", e.Code)
	}
	if e.Kind != wire.ExitNormal && outOfThreads(e.Stderr) {
		e.Summary += ": it got no thread: "
		if c.memory > 0 {
			e.Summary += fmt.Sprintf("its memory limit of %d MiB has no room for a stack (with cgo each takes RLIMIT_STACK of it, mostly 8 MiB: raise Memory or lower LimitStack), or ", c.memory>>20)
		}
		e.Summary += "RLIMIT_NPROC (ulimit -u, LimitNPROC=: processes and threads of this user) or pids.max of its cgroup is reached: raise it"
	}
}

// outOfThreads says whether the Go runtime crashed because it could not make a thread,
// by what it, or its part of a program with cgo, then writes.
func outOfThreads(stderr string) bool {
	return strings.Contains(stderr, "runtime: failed to create new OS thread") ||
		strings.Contains(stderr, "runtime/cgo: pthread_create failed: Resource temporarily unavailable")
}

func (e *Exit) core() string {
	if e.Core {
		return " (core dumped)"
	}
	return ""
}

// outOfMemory says whether the Go runtime crashed because memory ran out.
func outOfMemory(stack string) bool {
	return strings.HasPrefix(stack, "fatal error: out of memory") || strings.HasPrefix(stack, "fatal error: runtime: out of memory") ||
		strings.HasPrefix(stack, "fatal error: runtime: cannot allocate memory")
}

// nilInRuntime says whether the Go runtime itself has followed a nil pointer, on its own
// stack: it does not check everywhere whether it got memory. In Go 1.26 the queues of the
// collector's spans are such a place (spanQueue, which the collector enlarges when there
// is much to mark). That the process used little does not speak against it: a slice that is
// larger than all that it may have counts as soon as it is made, before it is touched.
func nilInRuntime(stack string) bool {
	where, rest, _ := strings.Cut(stack, "\ngoroutine ")
	_, frame, _ := strings.Cut(rest, "\n")
	return strings.HasPrefix(where, "SIGSEGV: ") && strings.HasSuffix(strings.TrimSpace(where), " addr=0x0") &&
		strings.HasPrefix(rest, "0 ") && strings.HasPrefix(frame, "runtime.")
}

// wroteReadOnly says whether a Go program crashed because it used memory in a way that its
// mapping forbids: SEGV_ACCERR, which is 2. Hardly any other than a write is forbidden.
func wroteReadOnly(stack string) bool {
	return strings.HasPrefix(stack, "fatal error: fault\n[signal SIGSEGV: segmentation violation code=0x2 ")
}

func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGKILL: "SIGKILL", syscall.SIGTERM: "SIGTERM", syscall.SIGINT: "SIGINT", syscall.SIGSEGV: "SIGSEGV",
		syscall.SIGBUS: "SIGBUS", syscall.SIGABRT: "SIGABRT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGHUP: "SIGHUP", syscall.SIGILL: "SIGILL",
		syscall.SIGFPE: "SIGFPE", syscall.SIGSYS: "SIGSYS", syscall.SIGPIPE: "SIGPIPE", syscall.SIGXCPU: "SIGXCPU", syscall.SIGXFSZ: "SIGXFSZ",
		syscall.SIGSTOP: "SIGSTOP", syscall.SIGTSTP: "SIGTSTP", syscall.SIGTTIN: "SIGTTIN", syscall.SIGTTOU: "SIGTTOU", syscall.SIGTRAP: "SIGTRAP",
	}
	if n := names[s]; n != "" {
		return n
	}
	return fmt.Sprintf("signal %d (%v)", int(s), s)
}
