package mq

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
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

// The names that queues have for a moment are few, and the same for all programs. So
// what a process has left that was killed in that moment is removed by whoever comes
// next, and nobody has to know which process it was. A name has no use once its queue
// is open: taking one away harms nobody.
const names = 4

func nameOf(k int) string { return fmt.Sprintf("%s-%d", base, k) }

var base = "understudy" // tests change it

// open opens a queue under one of the names and removes that.
func open(depth int) (int, error) {
	name := nameOf(rand.IntN(names))
	for try := 0; ; try++ {
		fd, err := sys.MqOpen(name, depth, MessageBytes)
		_ = sys.MqUnlink(name) // this one, or what is in the way: it is left, or in use for some microseconds
		if err == nil {
			return fd, nil
		}
		if err != unix.EEXIST || try == 64 {
			return -1, err
		}
		name = nameOf(rand.IntN(names))
		if try > 4*names { // other users', which cannot be removed
			name = fmt.Sprintf("%s-%016x", name, rand.Uint64())
		}
	}
}

// Sweep removes the queues that processes may have left when they were killed while
// they created one, other users' only where this process may. Programs call it when
// they start and stop, and supervisors for each process that has ended.
func Sweep() error {
	var first error
	for k := range names {
		switch err := sys.MqUnlink(nameOf(k)); err {
		case nil, unix.ENOENT, unix.ENOSYS, unix.EACCES, unix.EPERM:
		default:
			first = cmp.Or(first, fmt.Errorf("mq: sweep: %w", err))
		}
	}
	return first
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
