package supervisor_test

import (
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestLeastMemory: the least limit that Validate allows is enough for a child that
// allocates nothing of note, whatever the Go library and the C library have for
// themselves.
func TestLeastMemory(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("skipped under the race detector: its shadow memory does not fit into any RLIMIT_DATA")
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: supervisor.NoRestarts})
	ref := startNode(t, ctx, sup, supervisor.Child{Memory: supervisor.MinMemory})
	if _, err := actor.Ask(ctx, ref, Who{}); err != nil {
		t.Fatal(err)
	}
}
