package mailbox

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// dup is a second descriptor of f, for the other end of a rig.
func dup(f transport.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "rig"), nil
}
