package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Send sends one packet on a connected socket. It never sleeps: EAGAIN means that the
// buffer is full. If the peer has hung up, it returns EPIPE, without a signal.
func Send(fd int, b []byte) error {
	_, _, e := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return errno(e)
}

// Receive takes one packet from a socket, straight into b; the rest of a larger one is
// lost. It does not wait for a packet: EAGAIN means that there is none, 0 bytes that the
// peer has hung up. It does wait for another process that is reading from the same
// socket, which is why the call is not raw.
func Receive(fd int, b []byte) (int, error) {
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, errno(e)
	}
	return int(n), nil
}

// PipeWrite writes one packet of at most PIPE_BUF bytes to a pipe. It does not wait for
// room, whatever the flags of the open file say: EAGAIN means that there is none. An
// error that is NoSuchCall means that this kernel has no such call for pipes (EOPNOTSUPP
// before Linux 6.5). It does wait for another process that is using the pipe.
func PipeWrite(fd int, b []byte) error {
	v := unix.Iovec{Base: unsafe.SliceData(b)}
	v.SetLen(len(b))
	_, _, e := unix.Syscall6(unix.SYS_PWRITEV2, uintptr(fd), uintptr(unsafe.Pointer(&v)), 1, here, here, unix.RWF_NOWAIT)
	return errno(e)
}

// PipeRead takes one packet from a pipe, straight into b; the rest of a larger one is
// lost. 0 bytes mean that nobody can write to the pipe. Otherwise it is like PipeWrite.
func PipeRead(fd int, b []byte) (int, error) {
	v := unix.Iovec{Base: unsafe.SliceData(b)}
	v.SetLen(len(b))
	n, _, e := unix.Syscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&v)), 1, here, here, unix.RWF_NOWAIT)
	if e != 0 {
		return 0, errno(e)
	}
	return int(n), nil
}

// here, in both halves of an offset, means the current position of the file.
const here = ^uintptr(0)

// Ready reports whether a descriptor has one of the events of poll(2) now, or an error
// or hang-up.
func Ready(fd int, events int16) (bool, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := retry(func() (int, error) { return unix.Poll(p, 0) })
	return n > 0, err
}
