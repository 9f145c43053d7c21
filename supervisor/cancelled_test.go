package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

func init() { programs["cancelled"] = cancelledProgram }

// cancelledProgram waits for an answer that does not come, until its context is cancelled: by
// itself, by a signal, or because a significant child has ended.
func cancelledProgram() {
	supervisor.Spec{AutoShutdown: supervisor.AnySignificant}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ref, err := supervisor.Start(ctx, sup, node)
		if err != nil {
			return err
		}
		mine, cancel := context.WithCancel(ctx)
		defer cancel()
		switch os.Getenv("CANCEL") {
		case "itself":
			cancel()
		case "signal":
			err = syscall.Kill(os.Getpid(), syscall.SIGINT)
		case "significant":
			_, err = supervisor.StartCommand(ctx, sup, supervisor.Command{Path: "true"}, supervisor.Child{Restart: supervisor.Temporary, Significant: true})
			if <-ctx.Done(); err == nil {
				return fmt.Errorf("step 3: %w", context.Cause(ctx))
			}
		}
		if err != nil {
			return err
		}
		_, err = actor.Ask(mine, ref, Hold{})
		_ = sup.Kill(ref.ID)
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("no end: %w", err)
		}
		return fmt.Errorf("step 3: %w", err)
	})
}

// TestCancelled: the error of a function that has cancelled a context of its own is told as
// it is. After a signal the error of an ask is a cancellation, as of any context, and says
// which signal it was. After the end that AutoShutdown asks for it is no failure.
func TestCancelled(t *testing.T) {
	for by, want := range map[string]struct {
		code int
		text string
	}{
		"itself":      {1, "step 3: context canceled\n"},
		"signal":      {128 + int(syscall.SIGINT), "step 3: stopped by signal: interrupt\n"},
		"significant": {0, ""},
	} {
		t.Run(by, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), rootVar+"=cancelled", "CANCEL="+by)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != want.code || !strings.HasSuffix(string(out), want.text) {
				t.Errorf("code %d, %q; want code %d and %q", code, out, want.code, want.text)
			}
		})
	}
}
