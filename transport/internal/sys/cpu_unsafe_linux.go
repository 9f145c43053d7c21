package sys

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// LeaveCPU moves the calling thread to another of the processors that it may use,
// and says whether it did. It may use the same ones as before afterwards.
func LeaveCPU() bool {
	// Go makes new threads of a thread that is not locked, and they would have
	// the set of that moment for ever.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all unix.CPUSet
	var here uint32
	if unix.SchedGetaffinity(0, &all) != nil || all.Count() < 2 {
		return false
	}
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&here)), 0, 0); e != 0 {
		return false
	}
	others := all
	others.Clear(int(here))
	if unix.SchedSetaffinity(0, &others) != nil {
		return false
	}
	return unix.SchedSetaffinity(0, &all) == nil
}
