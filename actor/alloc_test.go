package actor_test

import (
	"context"
	"os"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestNoAllocation: a small message is told, and a flat one asked and answered,
// without allocation on the side of its sender. The other side is measured by
// examples/bench.
func TestNoAllocation(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	if os.Getenv("UNDERSTUDY_NOTIFIER") == "eventfd" {
		t.Skip("who sleeps at an eventfd allocates: UNDERSTUDY_NOTIFIER is eventfd")
	}
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	ctx = context.WithoutCancel(ctx)
	ask := testing.AllocsPerRun(500, func() {
		if _, err := actor.Ask(ctx, ref, Add{A: 1, B: 2}); err != nil {
			t.Fatal(err)
		}
	})
	tell := testing.AllocsPerRun(500, func() {
		if err := actor.Tell(ctx, ref, Tell{What: ""}); err != nil {
			t.Fatal(err)
		}
		// So that the mailbox has room: some forms hold ten messages, and a wait
		// allocates.
		if _, err := actor.Ask(ctx, ref, Add{A: 1, B: 2}); err != nil {
			t.Fatal(err)
		}
	})
	if ask != 0 || tell != 0 {
		t.Fatalf("an ask allocates %v times, a tell %v times", ask, tell)
	}
}
