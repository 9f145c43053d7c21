//go:build faultinject

package actor_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestKilledAfterTheLetter: an actor is killed when it has sent the dead letter of a
// message, and before it has noted that the message is dealt with. The message has that
// letter and no other one, and is not handled again.
func TestKilledAfterTheLetter(t *testing.T) {
	for _, form := range forms(t) {
		for _, redeliver := range []int{0, 3} {
			t.Run(fmt.Sprint(form, redeliver), func(t *testing.T) {
				var mu sync.Mutex
				var letters []string
				spec := supervisor.Spec{OnLetter: func(l supervisor.Letter) {
					mu.Lock()
					defer mu.Unlock()
					letters = append(letters, fmt.Sprint(l.Size, " ", l.Reason))
				}}
				second := supervisor.Child{Env: []string{fault.Variable + "=node.letter:kill:2"}, Mailbox: mailbox.Config{Queue: form, Redeliver: redeliver}}
				ctx, sup, ref := start(t, spec, second)
				var want []string
				for n := range 12 { // their sizes tell them apart
					what := "fail" + strings.Repeat(" ", n)
					reason, send := supervisor.LetterHandlerError, func() error { return actor.Tell(ctx, ref, Tell{What: what}) }
					if n%3 == 2 {
						reason, send = supervisor.LetterUnhandled, func() error { return actor.Tell(ctx, ref, StrangeTale{Text: what}) }
					}
					if err := send(); err != nil {
						t.Fatal(err)
					}
					want = append(want, fmt.Sprint(1+len(what), " ", reason))
				}
				if s, err := actor.Ask(ctx, ref, Add{A: 1}); err != nil || s.Incarnation != 7 {
					t.Fatal(s, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(letters, want) || sup.Restarts() != 6 {
					t.Errorf("%d restarts, letters %q, want %q", sup.Restarts(), letters, want)
				}
			})
		}
	}
}
