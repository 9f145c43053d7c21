package process

import (
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/transport/wire"
)

// TestClassify: what is said of a death follows from its facts, and from all of them.
func TestClassify(t *testing.T) {
	const mib = 1 << 20
	limited := circumstances{memory: 128 * mib}
	for _, tt := range []struct {
		what    string
		x       Exit
		c       circumstances
		kind    uint8
		summary string
	}{
		{"the kernel's kill for memory", Exit{Code: -1, Signal: syscall.SIGKILL}, circumstances{oom: "oom_kill 3 in f"}, wire.ExitMemory, "killed by the kernel: out of memory, oom_kill 3 in f"},
		{"our own kill meanwhile", Exit{Code: -1, Signal: syscall.SIGKILL}, circumstances{oom: "oom_kill 3 in f", killed: true}, wire.ExitSignal, "killed by SIGKILL"},
		{"another signal meanwhile", Exit{Code: -1, Signal: syscall.SIGTERM}, circumstances{oom: "oom_kill 3 in f"}, wire.ExitSignal, "killed by SIGTERM"},
		{"a core", Exit{Code: -1, Signal: syscall.SIGSEGV, Core: true}, circumstances{}, wire.ExitSignal, "killed by SIGSEGV (core dumped)"},
		{"a signal without a name", Exit{Code: -1, Signal: 34}, circumstances{}, wire.ExitSignal, "killed by signal 34 (signal 34)"},
		{"a panic with a core", Exit{Code: -1, Signal: syscall.SIGABRT, Core: true, Stack: "panic: x\n"}, circumstances{}, wire.ExitPanic, "panic: x (core dumped)"},
		{"abort in C", Exit{Code: -1, Signal: syscall.SIGABRT}, circumstances{}, wire.ExitSignal, "killed by SIGABRT"},
		{"exit 0 after a panic survived", Exit{Stack: "panic: x\n"}, circumstances{}, wire.ExitNormal, "exit status 0"},
		{"exit 0 of one that lacked a thread", Exit{Stderr: "runtime: failed to create new OS thread"}, circumstances{}, wire.ExitNormal, "exit status 0"},
		{"a panic", Exit{Code: 2, Stack: "panic: x\n"}, circumstances{}, wire.ExitPanic, "panic: x"},
		{"a write to a received buffer", Exit{Code: 2, Stack: "fatal error: fault\n[signal SIGSEGV: segmentation violation code=0x2 addr=0x7f9d3c1c1000 pc=0x6f394e]\n"}, circumstances{}, wire.ExitPanic,
			"fatal error: fault: it wrote to memory that it may only read, such as a View or a received Buffer"},
		{"memory that is gone", Exit{Code: 2, Stack: "fatal error: fault\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x7f9d3c1c1000 pc=0x6f394e]\n"}, circumstances{}, wire.ExitPanic, "fatal error: fault"},
		{"exit 1 after a panic survived", Exit{Code: 1, Stack: "panic: x\n"}, circumstances{}, wire.ExitCode, "exit status 1"},
		{"exit 2 without one", Exit{Code: 2, Stack: "usage: x\n"}, circumstances{}, wire.ExitCode, "exit status 2"},
		{"somebody looked", Exit{Code: 2, Stack: "SIGQUIT: quit\n"}, circumstances{}, wire.ExitSignal, "ended by SIGQUIT"},
		{"and it was survived", Exit{Code: 1, Stack: "SIGQUIT: quit\n"}, circumstances{}, wire.ExitCode, "exit status 1"},
		{"no memory", Exit{Code: 2, Stack: "fatal error: out of memory\n"}, circumstances{}, wire.ExitMemory, "out of memory"},
		{"no memory from the machine", Exit{Code: 2, Stack: "fatal error: runtime: out of memory\n"}, circumstances{}, wire.ExitMemory, "out of memory"},
		{"refused by the machine", Exit{Code: 2, Stack: "fatal error: runtime: cannot allocate memory\n"}, circumstances{}, wire.ExitMemory, "out of memory"},
		{"over its limit", Exit{Code: 2, Stack: "fatal error: out of memory\n"}, limited, wire.ExitMemory, "went over its memory limit of 128 MiB"},
		{"over its limit, by an error", Exit{Code: 2, Stderr: "mmap: cannot allocate memory\n", Stack: "panic: mmap\n"}, limited, wire.ExitMemory, "went over its memory limit of 128 MiB"},
		{"that error without a limit", Exit{Code: 2, Stderr: "mmap: cannot allocate memory\n", Stack: "panic: mmap\n"}, circumstances{}, wire.ExitPanic, "panic: mmap"},
		{"that error, and another code", Exit{Code: 3, Stderr: "mmap: cannot allocate memory\n"}, limited, wire.ExitCode, "exit status 3"},
		{"a code of one with a limit", Exit{Code: 2, Stderr: "usage\n"}, limited, wire.ExitCode, "exit status 2"},
	} {
		if tt.x.classify(tt.c); tt.x.Kind != tt.kind || tt.x.Summary != tt.summary {
			t.Errorf("%s: kind %d, %q; want %d, %q", tt.what, tt.x.Kind, tt.x.Summary, tt.kind, tt.summary)
		}
	}
	x := Exit{Code: 2, Stderr: "runtime: failed to create new OS thread", Stack: "fatal error: newosproc\n"}
	if x.classify(circumstances{}); strings.Contains(x.Summary, "memory limit") {
		t.Errorf("without a limit: %q", x.Summary)
	}
}
