package keeper

import (
	"os"

	"golang.org/x/sys/unix"
)

// dup is a descriptor of what is kept, for who takes one.
func dup(h *Handle) (*os.File, error) {
	fd, err := unix.FcntlInt(h.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "kept"), nil
}
