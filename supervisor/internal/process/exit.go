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
	Stderr  string        // its begin and its end
	Summary string        // one line for people
}

// classify fills in Kind and Summary from the facts. memory is the limit that
// the process had, or 0.
func (e *Exit) classify(memory uint64) {
	line := deathLine(e.Stderr)
	switch {
	case e.Signal != 0:
		e.Kind = wire.ExitSignal
		e.Summary = fmt.Sprintf("killed by %s", signalName(e.Signal))
		if e.Core {
			e.Summary += " (core dumped)"
		}
	case e.Code == 0:
		e.Kind = wire.ExitNormal
		e.Summary = "exit status 0"
	case memory > 0 && outOfMemory(e.Stderr):
		e.Kind = wire.ExitMemory
		e.Summary = fmt.Sprintf("went over its memory limit of %d MiB", memory>>20)
	case e.Code == 2 && line != "":
		e.Kind = wire.ExitPanic
		e.Summary = line
	default:
		e.Kind = wire.ExitCode
		e.Summary = fmt.Sprintf("exit status %d", e.Code)
	}
}

// deathLine is the line with which the Go runtime says why it gives up.
func deathLine(stderr string) string {
	for line := range strings.Lines(stderr) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
	}
	return ""
}

func outOfMemory(stderr string) bool {
	return strings.Contains(stderr, "runtime: out of memory") || strings.Contains(stderr, "cannot allocate memory") ||
		strings.Contains(stderr, "fatal error: out of memory")
}

func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGKILL: "SIGKILL", syscall.SIGTERM: "SIGTERM", syscall.SIGINT: "SIGINT", syscall.SIGSEGV: "SIGSEGV",
		syscall.SIGBUS: "SIGBUS", syscall.SIGABRT: "SIGABRT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGHUP: "SIGHUP", syscall.SIGILL: "SIGILL",
	}
	if n := names[s]; n != "" {
		return n
	}
	return "signal " + s.String()
}
