package sock

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// conn is a socket on the runtime's poller. It is not a net.UnixConn, which would ask
// the kernel for the names of both ends, which have none, and for another descriptor,
// at each start of a process.
type conn struct {
	f   *os.File
	raw syscall.RawConn
}

// newConn takes ownership of f, also when it fails.
func newConn(f *os.File) (_ *conn, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var sort, mode int
	var e error
	if err := raw.Control(func(fd uintptr) {
		if sort, e = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE); e == nil {
			mode, e = unix.FcntlInt(fd, unix.F_GETFL, 0)
		}
	}); err != nil {
		return nil, err
	}
	if e != nil {
		return nil, e
	}
	if sort != unix.SOCK_SEQPACKET {
		return nil, fmt.Errorf("a socket of type %d; use one end of a Pair", sort)
	}
	if mode&unix.O_NONBLOCK == 0 { // so f is not on the poller, and cannot be put there
		if f, err = polled(f, raw); err != nil {
			return nil, err
		}
		if raw, err = f.SyscallConn(); err != nil {
			return nil, err
		}
	}
	return &conn{f: f, raw: raw}, nil
}

// polled replaces f by a file of the same socket that is on the poller.
func polled(f *os.File, raw syscall.RawConn) (*os.File, error) {
	fd := -1
	var err error
	if e := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return f, e
	}
	if err != nil {
		return f, err
	}
	f.Close()
	_ = unix.SetNonblock(fd, true) // cannot fail for an open socket
	return os.NewFile(uintptr(fd), "link"), nil
}

// write sends one packet. It waits while the buffer is full.
func (c *conn) write(frame, oob []byte) error {
	var err error
	if e := c.raw.Write(func(fd uintptr) bool {
		err = sendmsg(fd, frame, oob)
		return err != unix.EAGAIN
	}); e != nil {
		return errClosed // nothing else can go wrong with a file that has no deadline
	}
	return err
}

// tryWrite is write, but fails with EAGAIN instead of waiting.
func (c *conn) tryWrite(frame, oob []byte) error {
	var err error
	if e := c.raw.Control(func(fd uintptr) { err = sendmsg(fd, frame, oob) }); e != nil {
		return errClosed
	}
	return err
}

func sendmsg(fd uintptr, frame, oob []byte) error {
	for {
		if _, err := unix.SendmsgN(int(fd), frame, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); err != unix.EINTR {
			return err
		}
	}
}

// read receives one packet.
func (c *conn) read(buf, oob []byte) (n, oobn, flags int, err error) {
	if e := c.raw.Read(func(fd uintptr) bool {
		n, oobn, flags, err = recvmsg(fd, buf, oob, 0)
		return err != unix.EAGAIN
	}); e != nil {
		return 0, 0, 0, errClosed
	}
	if err == nil && n == 0 && oobn == 0 {
		err = io.EOF
	}
	return max(n, 0), max(oobn, 0), flags, err
}

// readable reports whether a read would not wait: there is a packet, or the end.
func (c *conn) readable() bool {
	yes := true
	_ = c.raw.Control(func(fd uintptr) {
		ready, err := sys.Ready(int(fd), unix.POLLIN)
		yes = ready || err != nil
	})
	return yes
}

// lastFrame reads once more after the end, or its reset, was read, without waiting. The
// kernel first finds that there is no frame, and then that no more will come: a frame that
// was sent in between, just before the end, is still there.
func (c *conn) lastFrame(buf, oob []byte) (n, oobn, flags int, err error) {
	var e error
	if err := c.raw.Control(func(fd uintptr) { n, oobn, flags, e = recvmsg(fd, buf, oob, 0) }); err != nil || e != nil || n == 0 {
		return 0, max(oobn, 0), flags, io.EOF
	}
	return n, oobn, flags, nil
}

func recvmsg(fd uintptr, buf, oob []byte, how int) (n, oobn, flags int, err error) {
	for {
		n, oobn, flags, _, err = unix.Recvmsg(int(fd), buf, oob, how|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			return n, oobn, flags, err
		}
	}
}

// closeRead closes the connection for reading.
func (c *conn) closeRead() error {
	var err error
	if e := c.raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_RD) }); e != nil {
		return errClosed
	}
	return err
}

func (c *conn) close() error {
	if err := Close(c.f); err != nil { // with what is unread, of which see sys.Briefly
		return errClosed
	}
	return nil
}

// Pair makes the two ends of a link. Both are close-on-exec. The second is meant for
// another process, so it is not on this process's poller. New makes a link of either.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, sys.Limited("sock: pair", err)
	}
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETFL, unix.O_RDWR|unix.O_NONBLOCK)
	return os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link"), nil
}

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
