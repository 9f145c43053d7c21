//go:build faultinject

package fault

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// signalSelf does not let the code after the point run before the signal has
// acted. A stop is sent to this very thread, which takes it on its way out of
// the system call; sent to the process, another thread might take it while this
// one runs on.
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
