package sock

import (
	"io"

	"golang.org/x/sys/unix"
)

// lastFrame looks once more when the end was read, without waiting. The kernel
// finds first that there is no frame, and then that no more come: one that was
// sent in between, just before the end, is still there.
func (l *link) lastFrame(buf []byte) (n, oobn, flags int, err error) {
	c, err := l.conn.SyscallConn()
	if err != nil {
		return 0, 0, 0, io.EOF
	}
	var e error
	if err := c.Control(func(fd uintptr) {
		n, oobn, flags, _, e = unix.Recvmsg(int(fd), buf, l.oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	}); err != nil || e != nil || n == 0 {
		return 0, max(oobn, 0), flags, io.EOF
	}
	return n, oobn, flags, nil
}
