package sys

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CPU returns the number of the processor that the calling thread is on, plus one; 0
// if the kernel does not say.
func CPU() uint32 {
	var here uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&here)), 0, 0); e != 0 {
		return 0
	}
	return here + 1
}

// LeaveCPU moves the calling thread to another of the processors that it may use, and
// reports whether it did. Afterwards the thread may use the same ones as before.
func LeaveCPU() bool {
	// If the thread were not locked, Go might clone it for a new thread, which would
	// keep the temporary set.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all unix.CPUSet
	here := CPU()
	if here == 0 || unix.SchedGetaffinity(0, &all) != nil || all.Count() < 2 {
		return false
	}
	others := all
	others.Clear(int(here - 1))
	if unix.SchedSetaffinity(0, &others) != nil {
		return false
	}
	return restore(all, others)
}

// restore gives the thread back the set that it had, unless somebody has meanwhile
// changed it from set. The kernel cannot compare and set, so a change in the microsecond
// between two calls here is lost for this one thread; a cpuset holds in any case.
//
// A thread whose set was all that its cpuset allows is given every processor there is:
// since Linux 6.2 a thread keeps the set that it was given, and otherwise would not get
// processors that its container gets later.
func restore(had, set unix.CPUSet) bool {
	var now, every unix.CPUSet
	if unix.SchedGetaffinity(0, &now) == nil && now != set {
		return true
	}
	for i := range every {
		every[i] = ^every[i]
	}
	if unix.SchedSetaffinity(0, &every) == nil && unix.SchedGetaffinity(0, &now) == nil && now == had {
		return true
	}
	return unix.SchedSetaffinity(0, &had) == nil
}
