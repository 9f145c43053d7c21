package sock

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// duplicate makes another descriptor of f, close-on-exec.
func duplicate(f transport.File) (own *os.File, err error) {
	err = sys.FD(f, func(fd int) error {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return sys.Limited("duplicate a descriptor", err)
		}
		own = os.NewFile(uintptr(n), "received")
		return nil
	})
	return own, err
}
