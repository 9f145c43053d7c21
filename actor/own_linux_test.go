package actor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestOwnPage: an actor whose process cannot make its side of a lane ends, and
// whoever asks it learns why. It used to blame the sender, whose ask then waited
// until its context ended.
func TestOwnPage(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{
		Restart: supervisor.Temporary,
		Env:     []string{"UNDERSTUDY_SEGMENT=file", "TMPDIR=/does/not/exist"},
	})
	_, err := actor.Ask(ctx, ref, Add{A: 1, B: 2})
	gone := new(actor.GoneError)
	if !errors.As(err, &gone) || !strings.Contains(gone.Exit.Stderr, "/does/not/exist") {
		t.Fatalf("the ask ended with %T: %v", err, err)
	}
}
