package sys

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// Limited turns an error that is about a limit of the machine (descriptors of the
// process or the machine, memory, sizes of files and packets) into a
// *transport.LimitError, and wraps any other with the operation that failed.
func Limited(op string, err error) error {
	switch err {
	case nil:
		return nil
	case unix.EFBIG:
		if most := Rlimit(unix.RLIMIT_FSIZE); most != unix.RLIM_INFINITY {
			return &transport.LimitError{Op: op, Err: err, Limit: "RLIMIT_FSIZE", Value: most,
				Remedy: "raise it with ulimit -f or LimitFSIZE= (memfds are files, too), or use smaller pools"}
		}
	case unix.EMFILE:
		return &transport.LimitError{Op: op, Err: err, Limit: "RLIMIT_NOFILE", Value: Rlimit(unix.RLIMIT_NOFILE),
			Remedy: "raise it with ulimit -n or LimitNOFILE=, or use fewer lanes"}
	case unix.ENFILE:
		return &transport.LimitError{Op: op, Err: err, Limit: "fs.file-max", Value: Sysctl("fs/file-max"),
			Remedy: "raise it with sysctl fs.file-max"}
	case unix.ENOMEM:
		return noMemory(op, 0)
	case unix.EMSGSIZE: // from a socket; in a container the number may not be readable
		return &transport.LimitError{Op: op, Err: err, Limit: "net.core.wmem_default", Value: Sysctl("net/core/wmem_default"),
			Remedy: "raise it with sysctl, to the 212992 bytes that kernels have by themselves"}
	case unix.ETOOMANYREFS:
		return &transport.LimitError{Op: op, Err: err, Limit: "RLIMIT_NOFILE", Value: Rlimit(unix.RLIMIT_NOFILE),
			Remedy: "raise it: as many descriptors of this user are on their way between processes"}
	}
	return fmt.Errorf("%s: %w", op, err)
}

// Rlimit returns the soft value of a resource limit of this process, or 0 if it cannot
// be read.
func Rlimit(resource int) uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil {
		return 0
	}
	return uint64(r.Cur)
}

// Sysctl returns the number in a file below /proc/sys, or 0 if it cannot be read.
func Sysctl(name string) uint64 {
	v, _ := strconv.ParseUint(strings.TrimSpace(string(content("/proc/sys/"+name, 32))), 10, 64)
	return v
}
