package actor_test

import (
	"context"
	"io"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestStreamOfADeadSender: a stream whose sender is dead before it is taken takes no
// place, though its sender has been restarted by then, and lives.
func TestStreamOfADeadSender(t *testing.T) {
	ctx, sup, ref := startSpool(t, supervisor.Child{})
	other, err := supervisor.StartChild(ctx, sup, rogue, supervisor.Child{Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	e, err := actor.Ask(ctx, ref, Spooled{})
	if err != nil {
		t.Fatal(err)
	}
	unread := func(want int) {
		t.Helper()
		for {
			n, err := sup.Unread(ref.ID)
			if err != nil || ctx.Err() != nil {
				t.Fatal(n, err, context.Cause(ctx))
			}
			if n == want {
				return
			}
		}
	}
	for range 3 { // of 2 at a time
		before, err := actor.Ask(ctx, other, Disturb{})
		if err != nil {
			t.Fatal(err)
		}
		stopProcess(t, e.PID)
		if err := actor.Tell(ctx, other, Abandon{To: ref, Name: "hold"}); err != nil {
			t.Fatal(err)
		}
		unread(1)
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if _, err := actor.Ask(ctx, other, Disturb{}); err != nil { // it runs again
			t.Fatal(err)
		}
		if err := syscall.Kill(e.PID, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if _, err := actor.Ask(ctx, other, Disturb{To: ref}); err != nil {
			t.Fatal(err)
		}
		unread(0) // what its process before has sent was handled first, and no third one has to wait for that
	}
	w := mustStream(t, ctx, ref, "all", 0)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
