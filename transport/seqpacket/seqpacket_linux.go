package seqpacket

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/kernelq"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Create makes a queue. If the machine refuses, the error is a
// *transport.LimitError.
func Create() (send, receive *os.File, err error) {
	// Blocking, so that no Go program puts it into its poller; each call here is
	// itself made not to wait.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, sys.Limited("seqpacket: create a queue", err)
	}
	return os.NewFile(uintptr(fds[0]), "seqpacket send"), os.NewFile(uintptr(fds[1]), "seqpacket receive"), nil
}

func newPort(f *os.File) kernelq.Port {
	return kernelq.NewFD("seqpacket", f, sys.Send, take)
}

// take is sys.Receive for a queue: if the sender has hung up, the queue is empty, not
// at its end.
func take(fd int, b []byte) (int, error) {
	n, err := sys.Receive(fd, b)
	switch {
	case err == unix.ECONNRESET: // reported once if the sender has closed with unread data; nothing is lost
		return 0, unix.EINTR
	case err == nil && n == 0:
		return 0, unix.EAGAIN
	}
	return n, err
}
