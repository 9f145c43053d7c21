package sock

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Pair makes the two ends of a link. Both are close-on-exec and non-blocking;
// one of them is given to another process, and each is made a link by New.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, sys.Limited("sock: pair", err)
	}
	return os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link"), nil
}
