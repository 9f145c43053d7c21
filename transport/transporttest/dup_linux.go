package transporttest

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// nullSignal asks whether a process exists.
const nullSignal = syscall.Signal(0)

func dup(f transport.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "dup"), nil
}
