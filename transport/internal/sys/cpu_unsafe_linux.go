package sys

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CPU is the number of the processor that the calling thread is on, plus one; 0
// when the kernel does not say.
func CPU() uint32 {
	var here uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&here)), 0, 0); e != 0 {
		return 0
	}
	return here + 1
}

// LeaveCPU moves the calling thread to another of the processors that it may use,
// and says whether it did. It may use the same ones as before afterwards.
func LeaveCPU() bool {
	// Go makes new threads of a thread that is not locked, and they would have
	// the set of that moment for ever.
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

// restore gives the thread the set back that it had, which is set now. What somebody
// else has set meanwhile stays. The kernel cannot compare and set, so who sets it in
// the microsecond between two calls here loses this one thread, until he does it again;
// a cpuset holds in any case.
//
// A thread whose set was all that its cpuset allows is given every processor there is:
// since Linux 6.2 a thread keeps the set that it was given, and would not get those
// that its container is given later.
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
