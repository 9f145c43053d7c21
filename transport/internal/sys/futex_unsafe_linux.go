package sys

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/futex.h.
const (
	futexWait    = 0
	futexWake    = 1
	futexPrivate = 128

	futex2Size32  = 0x02
	futex2Private = 128
)

// FutexWait sleeps, if *word is val, until a FutexWake on the same memory by any
// process or until timeout has passed (0: none). The word may be in a read-only mapping
// of a file: the kernel identifies it by inode and offset.
//
// It returns nil after a wake, EAGAIN if *word is not val, ETIMEDOUT, and EINTR after a
// signal, which callers treat as a spurious wake-up.
func FutexWait(word *atomic.Uint32, val uint32, timeout time.Duration) error {
	var ts *unix.Timespec
	if timeout > 0 {
		t := unix.NsecToTimespec(int64(timeout))
		ts = &t
	}
	_, _, e := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait,
		uintptr(val), uintptr(unsafe.Pointer(ts)), 0, 0)
	return errno(e)
}

// FutexWake wakes all sleepers on word in any process and returns their number. It does
// not sleep: the kernel takes the spin lock of one hash bucket. If the word's page is not
// in memory, that costs a page fault, as any access would.
func FutexWake(word *atomic.Uint32) (int, error) { return wake(word, futexWake) }

// FutexWakePrivate is FutexWake for a word on which only this process sleeps.
func FutexWakePrivate(word *atomic.Uint32) (int, error) { return wake(word, futexWake|futexPrivate) }

func wake(word *atomic.Uint32, op uintptr) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, 1<<30, 0, 0, 0)
	return int(n), errno(e)
}

// Waiter is one word on which FutexWaitv sleeps: struct futex_waitv.
type Waiter struct {
	val      uint64
	addr     uint64
	flags    uint32
	reserved uint32
}

// Set makes w sleep while *word is val. The word must stay where it is until
// FutexWaitv has returned, as mapped memory and the heap do. private says that only
// this process wakes its sleepers.
func (w *Waiter) Set(word *atomic.Uint32, val uint32, private bool) {
	w.val = uint64(val)
	w.addr = uint64(uintptr(unsafe.Pointer(word)))
	w.flags = futex2Size32
	if private {
		w.flags |= futex2Private
	}
}

// Timespec is struct __kernel_timespec, the same on every architecture.
type Timespec struct{ Sec, Nsec int64 }

// FutexWaitv sleeps until one of the words, at most 128, is woken or differs from the
// value that Set was given, or until CLOCK_MONOTONIC has reached deadline (nil: never).
// For each word the kernel compares and goes to sleep in one step, so no change is
// missed. It returns what FutexWait does, and ENOSYS before Linux 5.16.
func FutexWaitv(ws []Waiter, deadline *Timespec) error {
	_, _, e := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(unsafe.SliceData(ws))), uintptr(len(ws)),
		0, uintptr(unsafe.Pointer(deadline)), unix.CLOCK_MONOTONIC, 0)
	return errno(e)
}

// HasFutexWaitv reports whether the kernel has futex_waitv (Linux 5.16). It is probed
// once: without words to wait for, a kernel that has the call returns EINVAL. A seccomp
// filter may return ENOSYS or EPERM.
var HasFutexWaitv = sync.OnceValue(func() bool { return FutexWaitv(nil, nil) == unix.EINVAL })

// Monotonic stores the time of CLOCK_MONOTONIC plus d in t.
func (t *Timespec) Monotonic(d time.Duration) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	*t = Timespec{Sec: int64(now.Sec) + int64(d/time.Second), Nsec: int64(now.Nsec) + int64(d%time.Second)}
	if t.Nsec >= int64(time.Second) {
		t.Sec, t.Nsec = t.Sec+1, t.Nsec-int64(time.Second)
	}
	return nil
}

// errno returns nil for 0. Its errors compare equal to unix.EAGAIN and the like; the
// frequent ones are boxed beforehand, so that it does not allocate.
func errno(e unix.Errno) error {
	switch e {
	case 0:
		return nil
	case unix.EAGAIN:
		return errAgain
	case unix.EINTR:
		return errIntr
	case unix.ETIMEDOUT:
		return errTimedOut
	}
	return e
}

var (
	errAgain    error = unix.EAGAIN
	errIntr     error = unix.EINTR
	errTimedOut error = unix.ETIMEDOUT
)

// FutexWakeOne is FutexWake for one sleeper.
func FutexWakeOne(word *atomic.Uint32) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0)
	return int(n), errno(e)
}
