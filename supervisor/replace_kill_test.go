package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["replacing"] = replacingProgram }

// replacingProgram replaces an actor under traffic again and again, and prints
// every event.
func replacingProgram() {
	supervisor.Spec{Log: quiet, OnEvent: func(e supervisor.Event) { fmt.Println(e.Kind) }}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.StartChild(ctx, sup, tally, supervisor.Child{Stderr: io.Discard})
		if err != nil {
			return err
		}
		go carry(ctx, ref, "root", ctx.Done())
		for range 1000 {
			if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestKillRootWhileReplacing: after SIGKILL of the root at any moment of a
// replacement no process is left.
func TestKillRootWhileReplacing(t *testing.T) {
	for range testutil.Rounds(4, 200) {
		r := startRoot(t, "replacing")
		for range 3 + rand.IntN(12) {
			if !r.out.Scan() {
				t.Fatal("the program has ended")
			}
		}
		pids := withEnv(r.mark)
		if err := r.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for r.out.Scan() { // what it had printed
		}
		_ = r.cmd.Wait()
		allEnd(t, append(pids, withEnv(r.mark)...))
	}
}
