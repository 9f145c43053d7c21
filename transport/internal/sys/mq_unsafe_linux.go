package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// MqAttr is struct mq_attr. Its fields have the size of a C long.
type MqAttr struct {
	Flags   int
	MaxMsg  int // messages
	MsgSize int // bytes of the largest message
	CurMsgs int // messages in the queue
	_       [4]int
}

// expired is the timeout of every send and receive: a time long past, so the call never
// sleeps. O_NONBLOCK alone would not do, since it is a flag of the open file, which a
// peer that shares the file can clear.
var expired unix.Timespec

// MqOpen makes a new queue of the given name (without a leading slash), for depth
// messages of at most size bytes. The descriptor is close-on-exec and non-blocking.
func MqOpen(name string, depth, size int) (int, error) {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	attr := MqAttr{MaxMsg: depth, MsgSize: size}
	for {
		fd, _, e := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(p)),
			unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600,
			uintptr(unsafe.Pointer(&attr)), 0, 0)
		if e == 0 {
			return int(fd), nil
		}
		if e != unix.EINTR {
			return -1, e
		}
	}
}

// MqUnlink removes the name of a queue. The queue lives until its last
// descriptor is closed.
func MqUnlink(name string) error {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, e := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(p)), 0, 0)
	return errno(e)
}

// MqSend puts b into the queue. It never sleeps: EAGAIN or ETIMEDOUT means that the
// queue is full. The kernel allocates and copies one message and takes the queue's spin
// lock, all of which is bounded; hence the raw call. EINTR is returned.
func MqSend(fd int, b []byte) error { return mqSend(fd, b, 0) }

// MqSendUrgent is MqSend with priority 1: b is received before everything that MqSend
// has sent, and after everything that MqSendUrgent has sent.
func MqSendUrgent(fd int, b []byte) error { return mqSend(fd, b, 1) }

func mqSend(fd int, b []byte, priority uintptr) error {
	_, _, e := unix.RawSyscall6(unix.SYS_MQ_TIMEDSEND, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), priority, uintptr(unsafe.Pointer(&expired)), 0)
	return errno(e)
}

// MqReceive removes the oldest message of the highest priority from the queue and
// copies it straight into b, which must be as large as the queue's largest message.
// It never sleeps: EAGAIN or ETIMEDOUT means that the queue is empty.
//
// No signal takes effect between the removal and the end of the copy: the process acts
// on signals, also on SIGKILL, only when it leaves the kernel. So b holds the message
// before anybody can see this process dead, provided that b's pages are in memory:
// otherwise a kill could interrupt a page fault of the copy.
func MqReceive(fd int, b []byte) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), 0, uintptr(unsafe.Pointer(&expired)), 0)
	if e != 0 {
		return 0, errno(e)
	}
	return int(n), nil
}

// MqGetAttr returns the attributes of a queue and how many messages it holds.
func MqGetAttr(fd int) (MqAttr, error) {
	var a MqAttr
	_, _, e := unix.RawSyscall(unix.SYS_MQ_GETSETATTR, uintptr(fd), 0, uintptr(unsafe.Pointer(&a)))
	return a, errno(e)
}
