//go:build faultinject

package fault

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// signalSelf makes sure that the code after the point does not run before the signal has
// acted. It sends a stop to this very thread, which takes it on its way out of the system
// call; if it were sent to the process, another thread might take it while this one goes
// on.
func signalSelf(action string) {
	if action == "stop" {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
		return
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}
