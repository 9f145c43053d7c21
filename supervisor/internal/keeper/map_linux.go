package keeper

import (
	"os"

	"github.com/understudy-go/understudy/transport/segment"
	"golang.org/x/sys/unix"
)

// mapFile maps a kept descriptor read-only; the descriptor stays. form is what
// its owner was told to use.
func mapFile(h *Handle, size int, form segment.Form) (*segment.Memory, error) {
	f, err := dup(h)
	if err != nil {
		return nil, err
	}
	return segment.OpenForm(f, size, form)
}

func dup(h *Handle) (*os.File, error) {
	fd, err := unix.FcntlInt(h.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "kept"), nil
}
