package supervisor_test

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestThirdIncarnationWaits: while a receiver has not read what two incarnations
// of a sender have sent, the next one finds its mailbox full, as its policy says,
// and an event names the receiver. When it reads on, the sender does.
func TestThirdIncarnationWaits(t *testing.T) {
	for name, full := range map[string]mailbox.Full{"wait": mailbox.Wait, "fail": mailbox.Fail} {
		t.Run(name, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
			holding := make(words, 16)
			holder := startNode(t, ctx, sup, supervisor.Child{Name: "holder", Mailbox: mailbox.Config{Full: full}, Stderr: holding})
			talker := startNode(t, ctx, sup, supervisor.Child{Name: "talker"})
			who, err := actor.Ask(ctx, holder, Who{})
			if err != nil {
				t.Fatal(err)
			}
			go actor.Ask(ctx, holder, Hold{})
			<-holding
			crowded := func() bool {
				return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool {
					return e.Kind == supervisor.EventCrowded && e.Child == "holder"
				})
			}
			for range 2 {
				if crowded() {
					t.Fatal("crowded too early")
				}
				if _, err := actor.Ask(ctx, talker, Pass{To: holder, N: 3}); !errors.As(err, new(*actor.DeathError)) {
					t.Fatal(err)
				}
			}
			third, giveUp := context.WithCancel(ctx)
			defer giveUp()
			ends := make(chan error, 1)
			go func() {
				_, err := actor.Ask(third, talker, Relay{To: holder})
				ends <- err
			}()
			r.until(t, ctx, "the event", crowded)
			if full == mailbox.Wait {
				select {
				case err := <-ends:
					t.Fatalf("the third incarnation does not wait: %v", err)
				default:
				}
				giveUp()
			}
			if err := <-ends; full == mailbox.Fail && !errors.Is(err, actor.ErrFull) || full == mailbox.Wait && !errors.Is(err, context.Canceled) {
				t.Fatalf("the third incarnation: %v", err)
			}
			if err := syscall.Kill(who.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			for {
				me, err := actor.Ask(ctx, talker, Relay{To: holder})
				if errors.Is(err, actor.ErrFull) && full == mailbox.Fail {
					continue // it has not read them yet
				}
				if err != nil || me.Incarnation != 2 {
					t.Fatalf("%+v, %v", me, err)
				}
				break
			}
			if l, err := actor.Ask(ctx, holder, Log{}); err != nil || len(l.Lines) < 6 {
				t.Errorf("%d messages of the dead came, want 6: %q, %v", len(l.Lines), l.Lines, err)
			}
		})
	}
}
