package supervisor_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

type (
	Runner struct{}
	Errand struct{ actor.Tells[Runner] } // the first incarnation waits for a command that does not end
	Ran    struct{ actor.Asks[Runner, Me] }
)

var (
	runner = actor.Define("runner", func(s *actor.Setup[Runner]) error {
		run := func(c *actor.Context) error {
			if c.Incarnation() > 1 {
				return nil
			}
			return exec.Command("sh", "-c", ": >"+os.Getenv(inHandVar)+"; exec sleep 1000").Run()
		}
		actor.OnTell(s, func(c *actor.Context, _ Errand) error { return run(c) })
		actor.OnAsk(s, func(c *actor.Context, _ Ran) (Me, error) { return Me{os.Getpid(), c.Incarnation()}, run(c) })
		return nil
	})
	errands = supervisor.Define("errands", func() (supervisor.Spec, error) {
		return supervisor.Spec{Children: []supervisor.Child{{Actor: cutter, InPlace: true}, {Actor: runner}}}, nil
	})
)

// TestEndingChildReportsNothing: a process that ends because its supervisor has ended
// kills first what it has started, while its handler waits for that. What the handler
// then returns is no outcome of its message: that is handled by the next incarnation.
func TestEndingChildReportsNothing(t *testing.T) {
	t.Run("tell", func(t *testing.T) { endsInHand(t, false) })
	t.Run("ask", func(t *testing.T) { endsInHand(t, true) })
}

func endsInHand(t *testing.T, ask bool) {
	testutil.Audit(t)
	inHand := filepath.Join(t.TempDir(), "in-hand")
	if err := syscall.Mkfifo(inHand, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	sub, err := supervisor.StartSubtree(ctx, sup, errands, supervisor.Child{Stderr: io.Discard, Env: []string{inHandVar + "=" + inHand}})
	if err != nil {
		t.Fatal(err)
	}
	ref, knife := findOne(t, sub, runner), findOne(t, sub, cutter)
	answer := make(chan error, 1)
	var me Me
	if ask {
		go func() {
			m, err := actor.Ask(ctx, ref, Ran{})
			me = m
			answer <- err
		}()
	} else if err := actor.Tell(ctx, ref, Errand{}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(inHand) // when the other end is opened, too
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	above, ends := pidOf(t, sup, "errands"), pidOf(t, sub, "errands/runner")
	signal := func(pid int, sig syscall.Signal) {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(ends, syscall.SIGSTOP) // until the one above does nothing more, and so reports nothing
	if err := actor.Tell(ctx, knife, Cut{PID: ends}); err != nil {
		t.Fatal(err)
	}
	for !stopped(above) && ctx.Err() == nil {
		runtime.Gosched()
	}
	signal(ends, syscall.SIGCONT)
	for alive(ends) && ctx.Err() == nil {
		runtime.Gosched()
	}
	signal(above, syscall.SIGKILL)
	if ask {
		if err := <-answer; err != nil || me.Incarnation != 2 {
			t.Errorf("%+v, %v", me, err)
		}
	} else if m, err := actor.Ask(ctx, ref, Ran{}); err != nil || m.Incarnation != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// findOne is the child of sup that runs def.
func findOne[P any](t *testing.T, sup *supervisor.Supervisor, def *actor.Definition[P]) actor.Ref[P] {
	t.Helper()
	ref, err := supervisor.Find(sup, def, def.Name())
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
