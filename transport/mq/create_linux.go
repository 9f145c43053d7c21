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

// Create makes a queue of Depth messages, or of fewer if the machine allows only
// fewer. It has no name and lives as long as somebody holds a descriptor. If the
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

// CreatePriority is Create for a queue whose messages may be urgent.
func CreatePriority() (*os.File, error) {
	if sys.Sysctl("fs/mqueue/msg_max") == 1 {
		return nil, &transport.LimitError{Op: "mq: create a queue with room that is kept for urgent messages", Limit: "fs.mqueue.msg_max", Value: sys.Sysctl("fs/mqueue/msg_max"),
			Remedy: `raise it with sysctl to 2 at least, or use the queue form "sysv"`, Err: fmt.Errorf("%w: a queue of one message", unix.EINVAL)}
	}
	return Create()
}

// Queues have a name only for a moment, one of a few that all programs share. So a name
// left by a process that was killed in that moment is removed by whoever comes next,
// without knowing which process it was. A name is of no use once its queue is open:
// removing one does no harm.
const names = 4

func nameOf(k int) string { return fmt.Sprintf("%s-%d", base, k) }

var base = "understudy" // tests change it

// open creates a queue under one of the names, and removes the name.
func open(depth int) (int, error) {
	name := nameOf(rand.IntN(names))
	for try := 0; ; try++ {
		fd, err := sys.MqOpen(name, depth, MessageBytes)
		_ = sys.MqUnlink(name) // ours, or the one in the way, which was left behind or is needed for some microseconds only
		if err == nil {
			return fd, nil
		}
		if err != unix.EEXIST || try == 64 {
			return -1, err
		}
		name = nameOf(rand.IntN(names))
		if try > 4*names { // they are other users' and cannot be removed
			name = fmt.Sprintf("%s-%016x", name, rand.Uint64())
		}
	}
}

// Sweep removes the names of queues that processes may have left because they were
// killed while they created one; those of other users only if this process may. Programs
// call it when they start and stop, and supervisors for each process that has ended.
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

// limited adds to err which limit of the machine refused a queue.
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

// outOfFiles reports whether this process can get no descriptor at all: mq_open has the
// same error for that and for RLIMIT_MSGQUEUE.
func outOfFiles() bool {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err == unix.EMFILE
}

// Readable waits, in the runtime's poller, until the queue has a message. It fails when
// f's read deadline has passed or f was closed. A lane does not need it: there, bells
// announce messages.
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
