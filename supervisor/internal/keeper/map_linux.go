package keeper

import (
	"os"

	"github.com/understudy-go/understudy/transport/segment"
	"golang.org/x/sys/unix"
)

// mapFile maps a kept descriptor read-only; the descriptor stays.
func mapFile(h *Handle, size int) (*segment.Memory, error) {
	f, err := dup(h)
	if err != nil {
		return nil, err
	}
	return segment.Open(f, size)
}

func dup(h *Handle) (*os.File, error) {
	fd, err := unix.FcntlInt(h.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "kept"), nil
}
