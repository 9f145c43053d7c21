package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["background"] = backgroundProgram }

// backgroundProgram asks with a context that belongs to nobody: while an actor runs in
// place, and after it has ended.
func backgroundProgram() {
	supervisor.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		here, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "here", InPlace: true})
		if err != nil {
			return err
		}
		there, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: "there"})
		if err != nil {
			return err
		}
		ask := func(ref actor.Ref[Node]) bool {
			m, err := actor.Ask(context.Background(), ref, Who{})
			if err != nil {
				fmt.Println(err)
				return false
			}
			return m.PID == os.Getpid()
		}
		fmt.Println(ask(here), ask(there))
		if err := sup.Terminate(ctx, here.ID); err != nil {
			return err
		}
		fmt.Println(ask(there))
		return nil
	})
}

// TestBackground: in a program that Run runs, any context will do, whatever runs in place.
func TestBackground(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=background")
	if out, err := cmd.Output(); err != nil || string(out) != "true false\nfalse\n" {
		t.Errorf("%v, %q", err, out)
	}
}
