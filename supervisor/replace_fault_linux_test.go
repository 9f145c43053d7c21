//go:build faultinject

package supervisor_test

import (
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceKilledAtEachStep: either process is killed at each step of a
// replacement. The actor goes on, in the old process, the new one or a restart,
// and handles each message once; no process is left beside it.
func TestReplaceKilledAtEachStep(t *testing.T) { everywhere(t, testReplaceKilledAtEachStep) }

func testReplaceKilledAtEachStep(t *testing.T, at place) {
	for point, want := range map[string]Standing{
		"handover.give":  {Incarnation: 3, Setups: 1}, // the old one: its death is a death
		"handover.given": {Incarnation: 3, Setups: 1},
		"handover.take":  {Incarnation: 1, Setups: 1, Last: one(1)}, // the new one: the old one goes on
		"handover.taken": {},                                        // the new one, when the old one may be ending
	} {
		t.Run(point, func(t *testing.T) {
			r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{Env: []string{fault.Variable + "=" + point + ":kill:1"}}, "")
			err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{})
			if point == "handover.taken" || point == "handover.given" { // whoever is quicker
				for i := 2; i < 5; i++ {
					if err := actor.Tell(r.ctx, r.ref, Item{From: "u", Seq: i - 1}); err != nil {
						t.Fatal(err)
					}
				}
				if now := read(t, r.ctx, r.ref); now.Last["u"] != 3 || len(now.Wrong) > 0 || alive(r.before.PID) && now.PID != r.before.PID {
					t.Errorf("%+v, %v", now, err)
				}
				r.sup.Shutdown()
				return
			}
			if err == nil {
				t.Error("it was replaced")
			}
			r.check(want)
			r.sup.Shutdown()
		})
	}
}

// TestRootKilledAtEachStep: the root is killed at each step of a replacement, and
// neither process is left.
func TestRootKilledAtEachStep(t *testing.T) {
	for _, point := range []string{"replace.spawn", "replace.hand-over", "replace.state", "replace.commit", "replace.take-over"} {
		for _, n := range []string{"1", "3"} {
			t.Setenv(fault.Variable, point+":kill:"+n)
			r := startRoot(t, "replacing")
			for r.out.Scan() { // until it is dead
			}
			if err := r.cmd.Wait(); err == nil {
				t.Errorf("%s: the root has ended by itself", point)
			}
			allEnd(t, withEnv(r.mark))
		}
	}
}
