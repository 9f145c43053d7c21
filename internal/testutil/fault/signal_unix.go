//go:build faultinject && unix

package fault

import (
	"os"

	"golang.org/x/sys/unix"
)

// signalSelf does not return from a kill: the signal is directed at the
// process, so another thread may be the one that takes it, and this one must
// not run on into the code after the point.
func signalSelf(action string) {
	if action == "stop" {
		// The thread that sends a process-directed signal to its own
		// process, and does not block it, takes it before kill(2) returns
		// only if no other thread takes it first; a stop then reaches
		// every thread at its next entry to the kernel.
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		return
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}
