package actor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestLateAnswerIsCounted: what comes after its asker has given up is dropped, and told
// by Traffic.
func TestLateAnswerIsCounted(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	other, err := supervisor.StartChild(ctx, sup, worker, supervisor.Child{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	short, giveUp := context.WithCancel(ctx)
	defer giveUp()
	outcome := make(chan error, 1)
	go func() {
		_, err := actor.Ask(short, ref, Do{What: "step " + gate})
		outcome <- err
	}()
	f, err := os.OpenFile(gate, os.O_WRONLY, 0) // when the handler has opened it: the ask is in hand
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	giveUp()
	if err := <-outcome; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	for sup.Traffic().Late == 0 { // it comes while another answer is waited for
		if _, err := actor.Ask(ctx, other, Add{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := sup.Traffic().Late; n != 1 {
		t.Errorf("%d late answers, want 1", n)
	}
}
