package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Far is a process that a child of this process has started and watches. This process
// has got a pidfd of it from that child, so the kernel reports its end here too.
type Far struct {
	f   *os.File
	pid int
}

// NewFar takes f, a pidfd of a child of parent. It refuses anything else, since f came
// from another process, and its process will be killed.
func NewFar(f *os.File, parent int) (*Far, error) {
	pid, err := pidOf(f)
	if err == nil {
		if e, ok := processOf(pid); !ok || e.parent != parent {
			err = fmt.Errorf("process %d is not a child of process %d", pid, parent)
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("process: pidfd: %w", err)
	}
	return &Far{f, pid}, nil
}

// pidOf is the number of a pidfd's process in this process's PID namespace.
func pidOf(f *os.File) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", rawFD(f)))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if number, ok := strings.CutPrefix(line, "Pid:"); ok {
			pid, err := strconv.Atoi(strings.TrimSpace(number))
			if err == nil && pid <= 0 {
				err = ErrDone
			}
			return pid, err
		}
	}
	return 0, unix.EBADF
}

// PID is the number of the process.
func (p *Far) PID() int { return p.pid }

// Kill kills the process, or fails with ErrDone. It works whatever its parent does.
func (p *Far) Kill() error {
	c, err := p.f.SyscallConn()
	if err != nil {
		return err
	}
	e := c.Control(func(fd uintptr) {
		if err = ErrDone; !ended(int(fd)) {
			err = killBy(int(fd), p.pid)
		}
	})
	if e != nil {
		return e
	}
	if err == unix.ESRCH {
		return ErrDone
	}
	return err
}

// Over says whether the process has ended, or whether that cannot be known.
func (p *Far) Over() (over bool) {
	c, err := p.f.SyscallConn()
	if err != nil || c.Control(func(fd uintptr) { over = ended(int(fd)) }) != nil {
		return true
	}
	return over
}

// ended says whether the process of a pidfd has ended, or whether that cannot be known.
func ended(fd int) bool {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		if err != unix.EINTR {
			return err != nil || n > 0
		}
	}
}

// Wait returns when the process has ended, or at Close. It parks in the poller.
func (p *Far) Wait() {
	c, err := p.f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Read(func(fd uintptr) bool { return ended(int(fd)) })
}

// Close closes the pidfd; the process goes on.
func (p *Far) Close() { p.f.Close() }

// Descriptor returns a pidfd of the process to pass to another process, or nil if the
// kernel has no pidfds. The caller closes it.
func (p *Process) Descriptor() *os.File {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd == nil || p.reaped {
		return nil
	}
	fd, err := unix.FcntlInt(rawFD(p.pidfd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd")
}
