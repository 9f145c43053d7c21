package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["on loop"] = onLoopProgram }

// onLoopProgram does in OnEvent what needs the supervisor's loop, which waits for OnEvent.
func onLoopProgram() {
	var sup *supervisor.Supervisor
	spec := supervisor.Spec{OnEvent: func(e supervisor.Event) {
		if e.Kind != supervisor.EventReady {
			return
		}
		ref := actor.Ref[Node]{ID: e.ID}
		switch os.Getenv("DO") {
		case "children":
			fmt.Println(sup.Children())
		case "kill":
			fmt.Println(sup.Kill(e.ID))
		case "start":
			fmt.Println(supervisor.StartChild(context.Background(), sup, node, supervisor.Child{Name: "further"}))
		case "shutdown":
			sup.Shutdown()
		case "tell":
			fmt.Println(actor.Tell(context.Background(), ref, Die{}))
		case "monitor":
			_, _, err := actor.Monitor(context.Background(), ref)
			fmt.Println(err)
		case "lookup":
			_, err := actor.Lookup[Node](context.Background(), "node")
			fmt.Println(err)
		}
	}}
	spec.Run(func(ctx context.Context, s *supervisor.Supervisor) error {
		sup = s
		_, err := supervisor.Start(ctx, sup, node)
		return err
	})
}

// TestOnLoop: a function of OnEvent that waits for the supervisor, which waits for it, learns
// that at once.
func TestOnLoop(t *testing.T) {
	for do, code := range map[string]int{"children": 2, "kill": 2, "start": 2, "shutdown": 2, "tell": 0, "monitor": 0, "lookup": 0} {
		t.Run(do, func(t *testing.T) {
			limit, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(limit, os.Args[0])
			cmd.Env = append(os.Environ(), rootVar+"=on loop", "DO="+do)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), "call this in another goroutine") {
				t.Errorf("code %d, want %d: %s", got, code, out)
			}
		})
	}
}
