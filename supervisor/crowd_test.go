package supervisor_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestCrowd: more peers than a futex wait takes.
func TestCrowd(t *testing.T) {
	if testing.Short() || testutil.RaceEnabled {
		t.Skip("skipped with -short and under the race detector: 140 actors take a while")
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	var refs []actor.Ref[Node]
	for i := range 140 {
		refs = append(refs, startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), InPlace: true, Mailbox: mailbox.Config{Queue: "ring", RingBytes: 4096}}))
	}
	for range testutil.Rounds(1, 10) {
		for _, ref := range refs {
			who(t, ctx, ref)
		}
	}
}

// TestCrowdThatHasGone: actors that have ended are not waited for.
func TestCrowdThatHasGone(t *testing.T) {
	if testing.Short() || testutil.RaceEnabled {
		t.Skip("skipped with -short and under the race detector: 140 actors take a while")
	}
	var log bytes.Buffer
	ctx, sup, _ := newSup(t, supervisor.Spec{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for i := range 140 {
		ref := startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint(i), InPlace: true, Restart: supervisor.Temporary,
			Mailbox: mailbox.Config{Queue: "ring", RingBytes: 4096}})
		who(t, ctx, ref)
		if err := sup.Terminate(ctx, ref.ID); err != nil {
			t.Fatal(err)
		}
	}
	sup.Shutdown()
	if strings.Contains(log.String(), "more peers") {
		t.Fatal(log.String())
	}
}
