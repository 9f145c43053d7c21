package sys

import "golang.org/x/sys/unix"

// Yield lets other threads, of any process, run on this core, and returns at once if
// there are none. While it waits, the Go scheduler may run other goroutines.
func Yield() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
