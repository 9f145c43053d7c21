package supervisor_test

import (
	"context"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// A supervisor's process is stopped by a signal, and sleeps through the end of a time
// that it has given to its child. What the child did in time counts.

// startInTime starts a supervisor in a process of its own, whose child has so much time
// that it does not need it, and returns when the child waits in its Setup, at a pipe.
// goOn lets it go on; the supervisor's start then ends with done.
func startInTime(t *testing.T) (ctx context.Context, sup *supervisor.Supervisor, r *recorder, limit time.Duration, goOn func(), done <-chan error) {
	t.Helper()
	testutil.Audit(t)
	ctx, sup, r = newSup(t, supervisor.Spec{})
	begin := time.Now()
	startNode(t, ctx, sup, supervisor.Child{Name: "first"})
	limit = max(300*time.Millisecond, 5*time.Since(begin))
	pipe := newPipe(t)
	c := tree("in time")
	c.Env = append(c.Env, "NODE_PIPE="+pipe, "SUPERVISOR_TEST_TIME="+limit.String(), "GOMAXPROCS=1") // with that, timers come first
	ch := make(chan error, 1)
	go func() {
		_, err := supervisor.StartSubtree(ctx, sup, variable, c)
		ch <- err
	}()
	for {
		f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			return ctx, sup, r, limit, func() { f.Close() }, ch
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

// pass returns when more than that time has passed.
func pass(limit time.Duration) { time.Sleep(limit + time.Second/2) }

// resume lets a process that was stopped go on.
func resume(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// TestStartInTimeBelowStopped: a child that was ready in time is not one whose start
// has failed.
func TestStartInTimeBelowStopped(t *testing.T) {
	ctx, sup, r, limit, goOn, done := startInTime(t)
	middle := pidOf(t, sup, "tree")
	halt(t, ctx, middle)
	goOn()
	ref := find(t, sup, "tree/a")
	was := who(t, ctx, ref) // it is ready
	pass(limit)
	resume(t, middle)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if now := who(t, ctx, ref); now != was {
		t.Errorf("%+v, was %+v", now, was)
	}
	if got := r.kinds(supervisor.EventKilled, supervisor.EventExited); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// TestContinuedInTimeBelowStopped: a child that was stopped for a shorter time than it
// may be is not killed for that.
func TestContinuedInTimeBelowStopped(t *testing.T) {
	if testutil.Rounds(0, 1) == 0 {
		t.Skip("it takes as long as TestStartInTimeBelowStopped, and is much like it: set UNDERSTUDY_LONG=1")
	}
	ctx, sup, r, limit, goOn, done := startInTime(t)
	goOn()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	middle, ref := pidOf(t, sup, "tree"), find(t, sup, "tree/a")
	was := who(t, ctx, ref)
	if err := syscall.Kill(was.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.until(t, ctx, "the child is seen to be stopped", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 })
	halt(t, ctx, middle)
	resume(t, was.PID)
	pass(limit)
	resume(t, middle)
	r.until(t, ctx, "it is seen to go on, or has ended", func() bool {
		return len(r.kinds(supervisor.EventContinued, supervisor.EventExited)) > 0
	})
	if now, err := actor.Ask(ctx, ref, Who{}); err != nil || now != was {
		t.Errorf("%+v, %v; was %+v", now, err, was)
	}
	if got := r.kinds(supervisor.EventKilled, supervisor.EventExited); slices.Contains(got, "killed tree/a") {
		t.Errorf("%q", got)
	}
}
