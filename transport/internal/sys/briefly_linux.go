package sys

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long Briefly lets a system call wait, and for how long again if there is
// another one.
const patience = time.Millisecond

// Briefly calls f, which closes descriptors that came from another process, or reads past
// them. Whoever made a socket decides for how long its last close waits for data to leave
// (SO_LINGER): it may be one that travels in another socket and was never received here. So
// a wait is interrupted by a signal. Go expects SIGURG at any time.
func Briefly(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, tid := unix.Getpid(), unix.Gettid()
	var mu sync.Mutex
	var t *time.Timer
	over := false
	mu.Lock()
	t = time.AfterFunc(patience, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			_ = unix.Tgkill(pid, tid, unix.SIGURG)
			t.Reset(patience)
		}
	})
	mu.Unlock()
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		t.Stop()
	}()
	f()
}
