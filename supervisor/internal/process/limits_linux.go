package process

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// Limited turns an error that names a limit of the machine into a *transport.LimitError,
// and wraps any other with what was tried.
func Limited(op string, err error) error {
	limit := func(name string, value uint64, remedy string) error {
		return &transport.LimitError{Op: op, Limit: name, Value: value, Remedy: remedy, Err: err}
	}
	switch {
	case errors.Is(err, syscall.EMFILE):
		return limit("RLIMIT_NOFILE", rlimit(unix.RLIMIT_NOFILE), "raise it with ulimit -n or LimitNOFILE=, or have fewer children")
	case errors.Is(err, syscall.ENFILE):
		return limit("fs.file-max", 0, "raise it with sysctl: the system has no more open files")
	case errors.Is(err, syscall.EAGAIN):
		return limit("RLIMIT_NPROC", rlimit(unix.RLIMIT_NPROC), "raise it with ulimit -u or LimitNPROC= (processes and threads of this user), or pids.max of the cgroup (TasksMax=, docker run --pids-limit)")
	}
	return fmt.Errorf("%s: %w", op, err)
}

// rlimit is the value of a limit of this process, or 0 if it cannot be read.
func rlimit(resource int) uint64 {
	var r unix.Rlimit
	_ = unix.Getrlimit(resource, &r)
	return uint64(r.Cur)
}
