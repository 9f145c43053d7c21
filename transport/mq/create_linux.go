package mq

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Create makes a queue of Depth messages, or fewer where the machine allows
// fewer. It has no name and belongs to whoever holds a descriptor. Where the
// machine refuses, the error is a *transport.LimitError.
func Create() (*os.File, error) {
	depth := Depth
	if most := sys.Sysctl("fs/mqueue/msg_max"); most > 0 {
		depth = min(depth, int(most))
	}
	fd, err := open(depth)
	if err != nil {
		return nil, limited(err, depth)
	}
	return os.NewFile(uintptr(fd), "mq"), nil
}

// CreatePriority is Create of a queue whose messages may be urgent.
func CreatePriority() (*os.File, error) {
	if sys.Sysctl("fs/mqueue/msg_max") == 1 {
		return nil, &transport.LimitError{Op: "mq: create a queue with room that is kept for urgent messages", Limit: "fs.mqueue.msg_max", Value: sys.Sysctl("fs/mqueue/msg_max"),
			Remedy: `raise it with sysctl to 2 at least, or use the queue form "sysv"`, Err: fmt.Errorf("%w: a queue of one message", unix.EINVAL)}
	}
	return Create()
}

// open opens a queue under a name of this process and removes the name. If the
// process is killed in between, Sweep knows the name.
func open(depth int) (int, error) {
	name := nameOf(os.Getpid())
	for try := 0; ; try++ {
		fd, err := sys.MqOpen(name, depth, MessageBytes)
		if err == nil {
			// ENOENT: another process has swept the name, which is as good.
			_ = sys.MqUnlink(name)
			return fd, nil
		}
		if err != unix.EEXIST || try == 8 {
			return -1, err
		}
		// The name is another goroutine's, for some microseconds, or was left
		// by a dead process of this number. If it cannot be removed, it is
		// another user's.
		if err := sys.MqUnlink(name); err != nil && err != unix.ENOENT {
			name = nameOf(os.Getpid()) + "-" + rand.Text()
		}
	}
}

func nameOf(pid int) string { return fmt.Sprintf("understudy-%d", pid) }

// Sweep removes the queue that a process may have left when it was killed while
// it created one. Supervisors call it for each process that has ended.
func Sweep(pid int) error {
	if err := sys.MqUnlink(nameOf(pid)); err != nil && err != unix.ENOENT && err != unix.ENOSYS {
		return fmt.Errorf("mq: sweep queue of process %d: %w", pid, err)
	}
	return nil
}

// limited says which limit of the machine refused a queue.
func limited(err error, depth int) error {
	op := fmt.Sprintf("mq: create a queue of %d messages of %d bytes", depth, MessageBytes)
	const ring = `, or use the queue form "ring"`
	limit := func(name string, value uint64, remedy string) error {
		return &transport.LimitError{Op: op, Limit: name, Value: value, Remedy: remedy + ring, Err: err}
	}
	switch {
	case errors.Is(err, unix.EMFILE) && !outOfFiles():
		return limit("RLIMIT_MSGQUEUE", sys.Rlimit(unix.RLIMIT_MSGQUEUE), "raise it with ulimit -q or LimitMSGQUEUE= (bytes of all queues of this user)")
	case errors.Is(err, unix.ENOSPC):
		return limit("fs.mqueue.queues_max", sys.Sysctl("fs/mqueue/queues_max"), "raise it with sysctl")
	case errors.Is(err, unix.EINVAL) && MessageBytes > sys.Sysctl("fs/mqueue/msgsize_max"):
		return limit("fs.mqueue.msgsize_max", sys.Sysctl("fs/mqueue/msgsize_max"), "raise it with sysctl")
	case errors.Is(err, unix.EINVAL):
		return limit("fs.mqueue.msg_max", sys.Sysctl("fs/mqueue/msg_max"), "raise it with sysctl")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return limit("permission", 0, "allow mq_open to this process")
	case errors.Is(err, unix.ENOSYS):
		return limit("CONFIG_POSIX_MQUEUE", 0, "use a kernel that has it")
	}
	return sys.Limited(op, err)
}

// outOfFiles says whether this process can get no descriptor at all: mq_open
// has the same error for that and for RLIMIT_MSGQUEUE.
func outOfFiles() bool {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err == unix.EMFILE
}

// Readable returns when the queue has a message, and fails when f's read
// deadline has passed or f was closed. It waits in the runtime's poller. A lane
// has no need of it: there, bells tell of messages.
func Readable(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("mq: %w", err)
	}
	var inner error
	err = raw.Read(func(fd uintptr) bool {
		a, err := sys.MqGetAttr(int(fd))
		inner = err
		return err != nil || a.CurMsgs > 0
	})
	if err == nil {
		err = inner
	} else if raw.Control(func(uintptr) {}) != nil { // the poller's own error has no name
		return fmt.Errorf("mq: wait for a message: %w", transport.ErrClosed)
	}
	if err != nil {
		return fmt.Errorf("mq: wait for a message: %w", err)
	}
	return nil
}
