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

// inTime is such a child: it waits in its Setup, at a pipe.
type inTime struct {
	*testing.T
	ctx    context.Context
	sup    *supervisor.Supervisor
	r      *recorder
	middle int // the supervisor's process
	pid    int // the child's
	goOn   func()
	done   <-chan error // how the supervisor's start has ended
}

// withTime calls f for such a child, and again with more time for the child when f says
// that the machine was too slow.
func withTime(t *testing.T, f func(i *inTime, limit time.Duration) bool) {
	for limit := 300 * time.Millisecond; ; limit *= 2 {
		i := startInTime(t, limit)
		fine := i != nil && f(i, limit)
		if fine || t.Failed() {
			return
		}
		t.Logf("%v are too short a time", limit)
	}
}

// startInTime starts it, and returns when it waits. nil: it did not get so far in time.
func startInTime(t *testing.T, limit time.Duration) *inTime {
	t.Helper()
	i := &inTime{T: t}
	i.ctx, i.sup, i.r = newSup(t, supervisor.Spec{})
	pipe := newPipe(t)
	c := tree("in time")
	c.Env = append(c.Env, "NODE_PIPE="+pipe, "SUPERVISOR_TEST_TIME="+limit.String(), "GOMAXPROCS=1") // with that, timers come first
	done := make(chan error, 1)
	i.done = done
	go func() {
		_, err := supervisor.StartSubtree(i.ctx, i.sup, variable, c)
		done <- err
	}()
	for {
		f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			i.goOn = func() { f.Close() }
			break
		}
		select {
		case <-done:
			return nil
		case <-i.ctx.Done():
			t.Fatal(err)
		default:
			runtime.Gosched()
		}
	}
	i.middle = pidOf(t, i.sup, "tree")
	i.r.until(t, i.ctx, "the start of the child", func() bool {
		for _, e := range i.r.all() {
			if e.Kind == supervisor.EventStarting && e.Child == "tree/a" {
				i.pid = e.PID
			}
		}
		return i.pid != 0
	})
	return i
}

// answers is what the child says of itself; no, when it has ended.
func (i *inTime) answers() (ref actor.Ref[Node], m Me, ok bool) {
	i.Helper()
	ref = find(i, i.sup, "tree/a")
	answer := make(chan Me, 1)
	ctx, cancel := context.WithCancel(i.ctx)
	defer cancel()
	go func() {
		if m, err := actor.Ask(ctx, ref, Who{}); err == nil {
			answer <- m
		}
	}()
	for i.ctx.Err() == nil {
		select {
		case m := <-answer:
			return ref, m, m.PID == i.pid
		default:
		}
		if !alive(i.pid) {
			return ref, m, false
		}
		runtime.Gosched()
	}
	i.Fatal("no answer")
	return ref, m, false
}

// resume lets a process that was stopped go on.
func (i *inTime) resume(pid int) {
	i.Helper()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		i.Fatal(err)
	}
}

// pass returns when more than that time has passed.
func pass(limit time.Duration) { time.Sleep(limit + time.Second/2) }

// TestStartInTimeBelowStopped: a child that was ready in time is not one whose start
// has failed.
func TestStartInTimeBelowStopped(t *testing.T) {
	testutil.Audit(t)
	withTime(t, func(i *inTime, limit time.Duration) bool {
		halt(t, i.ctx, i.middle)
		i.goOn()
		ref, was, ok := i.answers() // it is ready
		if ok {
			pass(limit)
		}
		i.resume(i.middle)
		if !ok {
			return false
		}
		if err := <-i.done; err != nil {
			t.Error(err)
		}
		if now := who(t, i.ctx, ref); now != was {
			t.Errorf("%+v, was %+v", now, was)
		}
		if got := i.r.kinds(supervisor.EventKilled, supervisor.EventExited); len(got) > 0 {
			t.Errorf("%q", got)
		}
		return true
	})
}

// TestContinuedInTimeBelowStopped: a child that was stopped for a shorter time than it
// may be is not killed for that.
func TestContinuedInTimeBelowStopped(t *testing.T) {
	if testutil.Rounds(0, 1) == 0 {
		t.Skip("it takes as long as TestStartInTimeBelowStopped, and is much like it: set UNDERSTUDY_LONG=1")
	}
	testutil.Audit(t)
	withTime(t, func(i *inTime, limit time.Duration) bool {
		i.goOn()
		if err := <-i.done; err != nil {
			return false
		}
		ref, was, ok := i.answers()
		if !ok {
			return false
		}
		if err := syscall.Kill(was.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		i.r.until(t, i.ctx, "the child is seen to be stopped", func() bool { return len(i.r.kinds(supervisor.EventSuspended)) > 0 })
		halt(t, i.ctx, i.middle)
		if !alive(was.PID) {
			i.resume(i.middle)
			return false
		}
		i.resume(was.PID)
		pass(limit)
		i.resume(i.middle)
		i.r.until(t, i.ctx, "it is seen to go on, or has ended", func() bool {
			return len(i.r.kinds(supervisor.EventContinued, supervisor.EventExited)) > 0
		})
		if now, err := actor.Ask(i.ctx, ref, Who{}); err != nil || now != was {
			t.Errorf("%+v, %v; was %+v", now, err, was)
		}
		if got := i.r.kinds(supervisor.EventKilled, supervisor.EventExited); slices.Contains(got, "killed tree/a") {
			t.Errorf("%q", got)
		}
		return true
	})
}
