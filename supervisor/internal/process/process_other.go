//go:build !linux

package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Starter starts processes, but only on Linux.
type Starter struct{}

// NewStarter returns a Starter that cannot start anything.
func NewStarter() *Starter { return &Starter{} }

// Close does nothing.
func (*Starter) Close() {}

// Start fails with errors.ErrUnsupported.
func (*Starter) Start(spec Spec) (*Process, error) {
	return nil, &StartError{Path: spec.Path, Op: "supervise", Err: fmt.Errorf("this needs Linux: %w", errors.ErrUnsupported)}
}

// Process is a child process; there are none.
type Process struct{ Ending }

// PID is 0.
func (*Process) PID() int { return 0 }

// Exit is empty.
func (*Process) Exit() Exit { return Exit{} }

// Refused is nil.
func (*Process) Refused() *NamespaceError { return nil }

// Said is 0.
func (*Process) Said() int64 { return 0 }

// Signal fails.
func (*Process) Signal(syscall.Signal) error { return ErrDone }

// KillGroup fails.
func (*Process) KillGroup() error { return ErrDone }

// IsSocket is false: no child was started here.
func IsSocket(int) bool { return false }

// TakeFile makes a File from a descriptor.
func TakeFile(fd int, name string) *os.File { return os.NewFile(uintptr(fd), name) }

// KillOwnGroup ends this process.
func KillOwnGroup() { os.Exit(1) }

// HoldMainThread does nothing here.
func HoldMainThread() {}

// ReleaseMainThread does nothing here.
func ReleaseMainThread() {}

// BecomeSubreaper fails.
func BecomeSubreaper() error { return errors.ErrUnsupported }

// WithOrphans calls f.
func WithOrphans(f func()) { f() }

// EndOrphans does nothing here.
func EndOrphans() {}

// EndDescendants does nothing here.
func EndDescendants() {}

// Descendants does not know them here.
func Descendants() (pids []int, ok bool) { return nil, false }

// CPUWait is empty here.
type CPUWait map[string]time.Duration

// CPUWaitOf reads nothing here.
func CPUWaitOf(int) CPUWait { return nil }

// Since is 0.
func (CPUWait) Since(CPUWait) time.Duration { return 0 }

// Text fails.
func Text(string, []byte) (*os.File, error) { return nil, errors.ErrUnsupported }

// Far is a process that a child has started; there are none.
type Far struct{}

// NewFar fails.
func NewFar(f *os.File, _ int) (*Far, error) {
	f.Close()
	return nil, fmt.Errorf("process: pidfd needs Linux: %w", errors.ErrUnsupported)
}

// PID is 0.
func (*Far) PID() int { return 0 }

// Kill fails.
func (*Far) Kill() error { return ErrDone }

// Over says whether it has ended.
func (*Far) Over() bool { return true }

// Wait returns at once.
func (*Far) Wait() {}

// Close does nothing.
func (*Far) Close() {}

// Alive is false.
func (*Process) Alive() bool { return false }

// Descriptor is nil.
func (*Process) Descriptor() *os.File { return nil }

// SetName does nothing here: no process is started.
func SetName(string) {}

func parentPID() int { return os.Getppid() }
