package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// MsgTypeBytes is the size of a SysV message's type, a C long, which precedes its text.
const MsgTypeBytes = int(unsafe.Sizeof(uintptr(0)))

// MsgStat is struct msqid64_ds of 64-bit machines.
type MsgStat struct {
	Perm   unix.SysvIpcPerm
	Stime  int64 // time of the last message sent, s
	Rtime  int64 // of the last message received
	Ctime  int64 // of creation, or of the last change
	Cbytes uint64
	Qnum   uint64 // messages in the queue
	Qbytes uint64 // most bytes of all messages
	Lspid  int32  // process of the last message sent
	Lrpid  int32
	_      [2]uint64
}

// The commands of msgctl.
const (
	ipcRemove = 0
	ipcStat   = 2
)

// MsgCreate makes the SysV queue of a key, for this user only. EEXIST means that the
// key already has a queue.
func MsgCreate(key uint32) (id int, err error) {
	return msgGet(key, unix.IPC_CREAT|unix.IPC_EXCL|0o600)
}

// MsgOpen returns the id of the queue of a key, or ENOENT.
func MsgOpen(key uint32) (id int, err error) { return msgGet(key, 0) }

func msgGet(key uint32, flags uintptr) (int, error) {
	id, _, e := unix.Syscall(unix.SYS_MSGGET, uintptr(key), flags, 0)
	if e != 0 {
		return -1, e
	}
	return int(id), nil
}

// MsgSend puts the message b, type and text, into the queue. It never sleeps: EAGAIN
// means that the queue is full. The kernel copies the message before it takes the
// queue's lock, which it holds for a bounded time; hence the raw call.
func MsgSend(id int, b []byte) error {
	_, _, e := unix.RawSyscall6(unix.SYS_MSGSND, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)-MsgTypeBytes), unix.IPC_NOWAIT, 0, 0)
	return errno(e)
}

// MsgReceive removes the oldest message of type 1 from the queue or, if there is none,
// the oldest one of type 2, and copies its type and text straight into b. It returns the
// bytes of the text. It never sleeps: ENOMSG means that the queue is empty. A message
// larger than b stays in the queue: E2BIG. What MqReceive says about kills holds here too.
func MsgReceive(id int, b []byte) (int, error) {
	lowest := -2 // the lowest type up to 2
	n, _, e := unix.RawSyscall6(unix.SYS_MSGRCV, uintptr(id), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)-MsgTypeBytes), uintptr(lowest), unix.IPC_NOWAIT, 0)
	if e != 0 {
		return 0, errno(e)
	}
	return int(n), nil
}

// MsgInfo returns the state of a queue. On 32-bit machines, whose structure differs, it
// fails with ENOSYS.
func MsgInfo(id int) (s MsgStat, err error) {
	if unix.SizeofPtr != 8 {
		return s, unix.ENOSYS
	}
	_, _, e := unix.RawSyscall(unix.SYS_MSGCTL, uintptr(id), ipcStat, uintptr(unsafe.Pointer(&s)))
	return s, errno(e)
}

// MsgRemove removes a queue and what is in it, even if it is in use.
func MsgRemove(id int) error {
	_, _, e := unix.RawSyscall(unix.SYS_MSGCTL, uintptr(id), ipcRemove, 0)
	return errno(e)
}
