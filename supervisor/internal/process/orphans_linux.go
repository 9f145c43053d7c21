package process

import (
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Orphans are descendants whose parent has died: they left its group, or it died before
// them. A subreaper gets them as children, instead of the machine's first process.
//
// The kernel gives them to the first live thread of the subreaper, which is the main
// thread. A wait with WNOTHREAD covers only the children of one thread. So a main thread
// that starts no process itself can distinguish orphans from all other children, also
// those of os/exec, and reap them without taking a status that somebody else waits for.
type orphans struct {
	jobs    chan func() // for the main thread
	changed chan os.Signal
}

// serving is set while the main thread serves.
var serving atomic.Pointer[orphans]

// HoldMainThread binds the main goroutine to the main thread. Call it in the
// initialization of a package.
func HoldMainThread() { runtime.LockOSThread() }

// ReleaseMainThread undoes HoldMainThread.
func ReleaseMainThread() { runtime.UnlockOSThread() }

// BecomeSubreaper makes orphaned descendants children of this process.
func BecomeSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// WithOrphans calls f in another goroutine. Meanwhile the calling goroutine, if it is the
// main one and bound to the main thread, takes care of orphans: it reaps them, and ends
// them when EndOrphans is called. Otherwise WithOrphans just calls f. If f panics,
// WithOrphans does not return, since its caller would go on while the panic is written.
func WithOrphans(f func()) {
	if unix.Gettid() != unix.Getpid() || BecomeSubreaper() != nil {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	o := &orphans{jobs: make(chan func()), changed: make(chan os.Signal, 1)}
	signal.Notify(o.changed, unix.SIGCHLD)
	serving.Store(o)
	done := make(chan struct{})
	go func() {
		returned := false
		defer func() {
			if returned || !panics() { // also when f ends its goroutine
				close(done)
			}
		}()
		f()
		returned = true
	}()
	for {
		select {
		case <-o.changed:
			reapOrphans()
		case job := <-o.jobs:
			job()
		case <-done:
			serving.Store(nil)
			signal.Stop(o.changed)
			o.end()
			return
		}
	}
}

// panics says, in a deferred call, whether a panic is the reason for that call. It does
// not recover, which would end the panic and hide where it came from.
func panics() bool {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// EndOrphans kills all orphans and their descendants, and returns when they have been
// reaped, or after endTime. If the main thread does not serve orphans, it does nothing.
func EndOrphans() {
	o := serving.Load()
	if o == nil {
		return
	}
	done := make(chan struct{})
	t := time.NewTimer(endTime)
	defer t.Stop()
	select {
	case o.jobs <- func() { o.end(); close(done) }:
		<-done
	case <-t.C:
	}
}

// endTime bounds the killing of descendants: one that waits for a broken disk does not
// die, and a swarm of them may fork faster than they are killed.
const endTime = 2 * time.Second

// reapOrphans runs on the main thread.
func reapOrphans() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}

// end runs on the main thread.
func (o *orphans) end() {
	deadline := time.Now().Add(endTime)
	left := func() bool {
		reapOrphans()
		return isChild(unix.P_ALL, 0, orphan)
	}
	for left() && time.Now().Before(deadline) {
		all, ok := processes()
		if !ok {
			killChildren(killOrphan, left, deadline)
		}
		for _, p := range all {
			if p.parent == unix.Getpid() {
				killOrphan(p.pid)
			}
		}
		t := time.NewTimer(10 * time.Millisecond)
		select {
		case <-o.changed:
		case <-t.C: // signals of one kind are merged: one may have been missed
		}
		t.Stop()
	}
}

// orphan are the options of a wait for an orphan, on the main thread.
const orphan = unix.WEXITED | unix.WNOTHREAD

// killOrphan kills the process of that number if it is an orphan. The number is safe until
// this thread reaps it.
func killOrphan(pid int) bool {
	return isChild(unix.P_PID, pid, orphan) && unix.Kill(pid, unix.SIGKILL) == nil
}

// isChild says whether there is a child that a wait with these options could be about. It
// does not wait.
func isChild(idType, id, options int) bool {
	for {
		err := unix.Waitid(idType, id, nil, options|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}
