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
	return unix.SchedSetaffinity(0, &all) == nil
}
