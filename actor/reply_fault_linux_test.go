//go:build faultinject

package actor_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestKilledAfterTheAnswer: an actor is killed when its answer can be seen, and before it
// has told the asker or noted that the ask is dealt with. The asker, which sleeps, gets
// the answer at once; the ask is no dead letter and is not handled again.
func TestKilledAfterTheAnswer(t *testing.T) {
	for _, form := range forms(t) {
		for _, redeliver := range []int{0, 3} {
			t.Run(fmt.Sprint(form, redeliver), func(t *testing.T) {
				var letters atomic.Int32
				second := supervisor.Child{Env: []string{fault.Variable + "=lane.reply:kill:2"}, Mailbox: mailbox.Config{Queue: form, Redeliver: redeliver}}
				ctx, sup, ref := start(t, supervisor.Spec{Intensity: 8, Period: 10 * time.Hour, OnLetter: func(supervisor.Letter) { letters.Add(1) }}, second)
				for n := range 7 { // each incarnation answers two
					s, err := actor.Ask(ctx, ref, Add{A: n})
					if want := 1 + n/2; err != nil || s.N != n || s.Incarnation != want {
						t.Fatalf("ask %d: %+v, %v; want incarnation %d", n, s, err, want)
					}
				}
				if letters.Load() != 0 || sup.Restarts() != 3 {
					t.Errorf("%d dead letters, %d restarts", letters.Load(), sup.Restarts())
				}
				second.Name, second.Backoff = "late", supervisor.Backoff{Min: time.Hour, Max: time.Hour}
				late, err := supervisor.StartChild(ctx, sup, worker, second)
				if err != nil {
					t.Fatal(err)
				}
				for n := range 2 {
					if s, err := actor.Ask(ctx, late, Add{A: n}); err != nil || s.N != n {
						t.Errorf("ask %d of one that is not restarted soon: %+v, %v", n, s, err)
					}
				}
			})
		}
	}
}
