package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/understudy-go/understudy/transport"
)

// Spec says how a process is started. Its stdin is /dev/null.
type Spec struct {
	Path   string     // of the executable
	Args   []string   // with the name of the program first
	Env    []string   // the whole environment
	Files  []*os.File // become descriptors 3, 4, ... of the child
	Stderr io.Writer  // also gets what the child writes to its stderr, unless nil. It must not block
	Stdout io.Writer  // gets what the child writes to its stdout; nil: the child has this process's stdout. It must not block

	// OnStop, if not nil, is called when the process was stopped by a signal (true) or
	// continued (false). It may wait for whoever calls Start, but not for long: until it
	// returns nobody looks at other processes.
	OnStop func(stopped bool)

	// Namespaces are flags of clone(2), CLONE_NEWPID and the like: the process is made
	// in new ones. Those that are also in Optional may be refused.
	Namespaces, Optional uintptr

	// MemoryBytes limits the data memory of the process, RLIMIT_DATA, in addition to
	// what it has from the beginning (overhead); 0 means no limit. The limit is in force
	// when Start returns. GOMEMLIMIT is added to Env, at 80 % of it.
	MemoryBytes uint64
}

// DeathSignal is the signal that a child gets when its parent dies. A stopped child could
// not notice that its parent is gone; SIGCONT makes it look, and does no harm to one that
// runs.
const DeathSignal = syscall.SIGCONT

// How much is kept of a child's stderr, in bytes: the end, where the reason of a death
// usually is, and the beginning, where a panic's first line is if the traces of a
// thousand goroutines follow.
const (
	headBytes = 4 << 10
	tailBytes = 12 << 10
)

// StartError says why a process could not be started, and what to do about it.
type StartError struct {
	Path   string
	Op     string // what failed
	Remedy string
	Err    error // a *transport.LimitError if a limit is the reason
}

func (e *StartError) Error() string {
	if l := (*transport.LimitError)(nil); errors.As(e.Err, &l) {
		return fmt.Sprintf("start %s: %v", e.Path, e.Err)
	}
	s := fmt.Sprintf("start %s: %s: %v", e.Path, e.Op, e.Err)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Unwrap returns the system's error.
func (e *StartError) Unwrap() error { return e.Err }

// NamespaceError says that the machine refuses namespaces.
type NamespaceError struct {
	Namespaces uintptr // flags of clone(2)
	Err        error
}

func (e *NamespaceError) Error() string { return fmt.Sprintf("process: namespaces: %v", e.Err) }

// Unwrap returns the system's error.
func (e *NamespaceError) Unwrap() error { return e.Err }

// ErrDone says that a process has already ended, so that it cannot be signalled.
var ErrDone = errors.New("process: it has ended")
