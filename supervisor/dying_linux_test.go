package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

type Mortal struct{}

// Perish makes it panic, or end its goroutine.
type Perish struct {
	actor.Asks[Mortal, Here]
	Panic bool
}

type Here struct{ PID int }

var mortal = actor.Define("mortal", func(s *actor.Setup[Mortal]) error {
	actor.OnAsk(s, func(_ *actor.Context, m Perish) (Here, error) {
		if m.Panic {
			panic("as asked")
		}
		runtime.Goexit()
		return Here{}, nil
	})
	return nil
})

const deaths = 20

func init() {
	programs["dying"] = func() {
		supervisor.Spec{Intensity: 1000}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
			fmt.Println("root", os.Getpid())
			ref, err := supervisor.Start(ctx, sup, mortal)
			if err != nil {
				return err
			}
			for i := range deaths {
				var dead *actor.DeathError
				if _, err := actor.Ask(ctx, ref, Perish{Panic: i%2 == 0}); !errors.As(err, &dead) {
					return fmt.Errorf("death %d: %w", i, err)
				}
			}
			return nil
		})
	}
}

// TestDyingChildIsNoRoot: a child that panics, or whose goroutine ends, does not go on
// from Run as the root of another program, not even while its panic is written.
func TestDyingChildIsNoRoot(t *testing.T) {
	testutil.Audit(t)
	ctx, cancel := context.WithTimeout(t.Context(), testutil.HangGuard)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), rootVar+"=dying")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != fmt.Sprintln("root", cmd.ProcessState.Pid()) {
		t.Errorf("%v\n%s\n%s", err, out, tail(stderr.String(), 2000))
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
