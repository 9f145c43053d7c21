package supervisor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// TestCommandsDuringReplace: one replacement at a time; a Terminate, a Kill and
// the end of the caller's context end it, at each of its steps, and leave no
// process.
func TestCommandsDuringReplace(t *testing.T) { everywhere(t, testCommandsDuringReplace) }

func testCommandsDuringReplace(t *testing.T, at place) {
	for _, how := range []string{"setup hangs", "give hangs", "take hangs", "stop hangs"} {
		t.Run(how, func(t *testing.T) {
			child := supervisor.Child{Shutdown: 300 * time.Millisecond}
			t.Run("terminate", func(t *testing.T) {
				r := newReplaceTest(t, at, supervisor.Spec{}, child, how)
				done := r.begin()
				if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); how != "stop hangs" && !errors.Is(err, supervisor.ErrReplacing) {
					t.Error(err)
				}
				if err := r.over.Terminate(r.ctx, r.ref.ID); err != nil {
					t.Fatal(err)
				}
				if err := <-done; how != "stop hangs" && !errors.Is(err, supervisor.ErrNotRunning) {
					t.Error(err)
				}
				if alive(r.before.PID) || alive(r.successor()) {
					t.Error("a process is left")
				}
				if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNotRunning) {
					t.Error(err)
				}
				r.sup.Shutdown()
			})
			t.Run("kill", func(t *testing.T) {
				r := newReplaceTest(t, at, supervisor.Spec{}, child, how)
				done := r.begin()
				if err := r.sup.Kill(r.ref.ID); err != nil {
					t.Fatal(err)
				}
				err := <-done
				if how == "setup hangs" { // so would the restart
					r.sup.Shutdown()
					return
				}
				if now := read(t, r.ctx, r.ref); err == nil && now.Setups != 2 || err != nil && now.Setups != 1 {
					t.Errorf("%+v, %v", now, err)
				}
				r.sup.Shutdown()
			})
			t.Run("shutdown", func(t *testing.T) {
				r := newReplaceTest(t, at, supervisor.Spec{}, child, how)
				done := r.begin()
				r.sup.Shutdown()
				if err := <-done; err == nil && how != "stop hangs" || alive(r.before.PID) || alive(r.successor()) {
					t.Error(err)
				}
			})
			t.Run("context", func(t *testing.T) {
				if how == "stop hangs" {
					t.Skip("it has handed over: nothing is given up any more")
				}
				r := newReplaceTest(t, at, supervisor.Spec{}, child, how)
				ctx, cancel := context.WithCancel(r.ctx)
				done := make(chan error, 1)
				go func() { done <- r.sup.Replace(ctx, r.ref.ID, supervisor.Replacement{}) }()
				r.events.until(t, r.ctx, "a successor", func() bool { return r.successor() != 0 })
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				r.events.until(t, r.ctx, "it is given up", func() bool { return len(r.events.kinds(supervisor.EventAbandoned)) == 1 })
				r.goOn()
				r.events.until(t, r.ctx, "the successor's end", func() bool { return len(r.events.kinds(supervisor.EventExited)) == 1 })
				r.check(Standing{Incarnation: 1, Setups: 1, Last: one(1)})
				r.sup.Shutdown()
			})
			t.Run("context of another", func(t *testing.T) {
				testContextOfAnother(newReplaceTest(t, at, supervisor.Spec{}, child, how))
			})
		})
	}
}

// testContextOfAnother: a replacement that is refused, because another is going
// on, has nothing to give up when its context ends.
func testContextOfAnother(r *replaceTest) {
	done := r.begin()
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	for range 20 { // refused, and over: which of the two it is told is a matter of chance
		if err := r.sup.Replace(ctx, r.ref.ID, supervisor.Replacement{}); err == nil {
			r.Fatal("replaced twice at once")
		}
	}
	r.sup.Shutdown()
	if err := <-done; errors.Is(err, context.Canceled) {
		r.Fatal("ended by another's context:", err)
	}
}
