//go:build faultinject

package supervisor_test

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor"
)

// TestSubtreeKilledAtEachStep: the process of a supervisor is killed at each step
// of the replacement of its child. Both processes of that end with it, and the
// next one has the mailbox.
func TestSubtreeKilledAtEachStep(t *testing.T) {
	for _, point := range []string{"replace.spawn", "replace.hand-over", "replace.commit", "replace.take-over"} {
		t.Run(point, func(t *testing.T) {
			testutil.Audit(t)
			ledger, sent, rounds := filepath.Join(t.TempDir(), "ledger"), 0, testutil.Rounds(2, 20)
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
			_, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard,
				Env: []string{"OFFICE_INTENSITY=100", "OFFICE_TALLIES=1", "TALLY_LEDGER=" + ledger, fault.Variable + "=" + point + ":kill:1"}})
			if err != nil {
				t.Fatal(err)
			}
			ref, err := supervisor.Find(sup, tally, "office/a")
			if err != nil {
				t.Fatal(err)
			}
			for i := range rounds {
				before := read(t, ctx, ref)
				if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err == nil {
					t.Error("it was replaced, though its supervisor is dead")
				}
				for range 3 {
					sent++
					if err := actor.Tell(ctx, ref, Item{From: "u", Seq: sent}); err != nil {
						t.Fatal(err)
					}
				}
				now := read(t, ctx, ref)
				for now.PID == before.PID { // the kill takes its time
					now = read(t, ctx, ref)
				}
				for now.Incarnation < before.Incarnation+2 { // the successor, for a moment
					now = read(t, ctx, ref)
				}
				if now.Incarnation != before.Incarnation+2 || now.Setups != 1 || alive(before.PID) {
					t.Errorf("round %d: %+v after %+v", i, now, before)
				}
			}
			for _, e := range r.all() {
				if e.Kind == supervisor.EventReplacing && alive(e.PID) {
					t.Errorf("%d is alive", e.PID)
				}
			}
			sup.Shutdown()
			checkLedger(t, ledger, sent, rounds, int(sup.DeadLetters()))
		})
	}
}
