//go:build faultinject

package actor_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor"
)

// TestFileKilledBeforeTaken: a receiver dies with the message in hand and its
// files not yet received: the supervisor closes them, at once.
func TestFileKilledBeforeTaken(t *testing.T) {
	ctx, _, refs, letters := desks(t, 1, supervisor.Child{Env: []string{fault.Variable + "=lane.in-hand:kill:2"}})
	state(t, ctx, refs[0])
	r, w := pipe(t)
	tell(t, ctx, refs[0], Write{Text: "never", To: actor.File{File: w}})
	w.Close()
	wantAll(t, r, "")
	state(t, ctx, refs[0])
	if n := letters.Load(); n != 1 {
		t.Errorf("%d letters", n)
	}
}

// TestFileKilledBeforeEntry: a sender dies when the files of a message have
// left and its entry has not: they are closed with the lane.
func TestFileKilledBeforeEntry(t *testing.T) {
	ctx, sup, refs, _ := desks(t, 1, supervisor.Child{})
	clerk, err := supervisor.StartChild(ctx, sup, desk, supervisor.Child{Env: []string{fault.Variable + "=mailbox.files-put:kill:3"}})
	if err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	_, err = actor.Ask(ctx, clerk, Forward{N: 5, Next: refs[0], To: actor.File{File: w}})
	var death *actor.DeathError
	if !errors.As(err, &death) {
		t.Error(err)
	}
	w.Close()
	wantAll(t, r, "01")
}
