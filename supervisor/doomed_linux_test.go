package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// A tree whose upper supervisor can be made to die slowly: what it has started
// learns of its end before the root does.
//
//	root ── upper ─┬─ cutter (in place)
//	               └─ lower ─┬─ witness
//	                         └─ and some more

type (
	Cutter struct{}
	Cut    struct { // ends the liveness pipe of its process, one reader of which is PID, and stops the process
		actor.Tells[Cutter]
		PID int
	}
	Witness struct{}
	Paper   struct { // the first incarnation does not get beyond paper 1
		actor.Tells[Witness]
		Seq int
	}
	Swear     struct{ actor.Asks[Witness, Testimony] }
	Testimony struct {
		PID, Incarnation int
		Papers           []int
	}
)

// inHandVar names a pipe that a witness opens when paper 1 is in hand.
const inHandVar = "SUPERVISOR_TEST_IN_HAND"

var (
	cutter = actor.Define("cutter", func(s *actor.Setup[Cutter]) error {
		actor.OnTell(s, func(ctx *actor.Context, c Cut) error {
			if ctx.Incarnation() > 1 {
				return nil // it is done: the process was killed with this message in hand
			}
			if err := cutLiveness(c.PID); err != nil {
				return err
			}
			return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		})
		return nil
	})
	witness = actor.Define("witness", func(s *actor.Setup[Witness]) error {
		var papers []int
		actor.OnTell(s, func(c *actor.Context, p Paper) error {
			if papers = append(papers, p.Seq); p.Seq == 1 && c.Incarnation() == 1 {
				if f, err := os.OpenFile(os.Getenv(inHandVar), os.O_WRONLY, 0); err == nil {
					f.Close()
				}
				select {}
			}
			return nil
		})
		actor.OnAsk(s, func(c *actor.Context, _ Swear) (Testimony, error) {
			return Testimony{os.Getpid(), c.Incarnation(), papers}, nil
		})
		return nil
	})
	lower = supervisor.Define("lower", func() (spec supervisor.Spec, err error) {
		spec.Intensity = 100
		for i := range 4 {
			spec.Children = append(spec.Children, supervisor.Child{Name: fmt.Sprint(i), Actor: witness})
		}
		return spec, nil
	})
	upper = supervisor.Define("upper", func() (supervisor.Spec, error) {
		return supervisor.Spec{Intensity: 100, Children: []supervisor.Child{{Actor: cutter, InPlace: true}, {Subtree: lower}}}, nil
	})
)

// cutLiveness closes this process's end of a pipe that pid reads as descriptor 4.
func cutLiveness(pid int) error {
	pipe, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/4", pid))
	if err != nil {
		return err
	}
	null, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(null)
	for fd := range 1000 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && to == pipe {
			if err := syscall.Dup3(null, fd, syscall.O_CLOEXEC); err != nil { // its number stays taken
				return err
			}
		}
	}
	return nil
}

// stopped says whether all threads of a process are stopped by a signal.
func stopped(pid int) bool {
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range all {
		b, err := os.ReadFile(name)
		if _, rest, _ := strings.Cut(string(b), ") "); err != nil || !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(all) > 0
}

// paperInHand tells a witness papers 0 to 2, and returns when it has number 1 in hand
// and the other end of the pipe open.
func paperInHand(t *testing.T, ctx context.Context, ref actor.Ref[Witness], pipe string) {
	t.Helper()
	for i := range 3 {
		if err := actor.Tell(ctx, ref, Paper{Seq: i}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestDoomedSupervisor: a supervisor that ends because the process above it has
// ended kills its children, and decides nothing more: none is started again by it,
// and their deaths are on nobody's account. So the message in hand is handled by the
// next incarnation, which is the second.
func TestDoomedSupervisor(t *testing.T) {
	testutil.Audit(t)
	inHand := filepath.Join(t.TempDir(), "in-hand")
	if err := syscall.Mkfifo(inHand, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	ctx, sup, r := newSup(t, supervisor.Spec{})
	if _, err := supervisor.StartSubtree(ctx, sup, upper, supervisor.Child{Stderr: io.Discard, Env: []string{inHandVar + "=" + inHand}}); err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.Find(sup, witness, "upper/lower/0")
	if err != nil {
		t.Fatal(err)
	}
	paperInHand(t, ctx, ref, inHand)
	middle, err := sup.Below("upper")
	if err != nil {
		t.Fatal(err)
	}
	doomed, above := pidOf(t, middle, "upper/lower"), pidOf(t, sup, "upper")
	knife, err := supervisor.Find(middle, cutter, "cutter")
	if err != nil {
		t.Fatal(err)
	}
	signal := func(pid int, sig syscall.Signal) {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(doomed, syscall.SIGSTOP) // until the one above does nothing more
	if err := actor.Tell(ctx, knife, Cut{PID: doomed}); err != nil {
		t.Fatal(err)
	}
	for !stopped(above) && ctx.Err() == nil {
	}
	signal(doomed, syscall.SIGCONT)
	for alive(doomed) && ctx.Err() == nil {
	}
	signal(above, syscall.SIGKILL)
	got, err := actor.Ask(ctx, ref, Swear{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Incarnation != 2 || !slices.Equal(got.Papers, []int{1, 2}) {
		t.Errorf("%+v; want incarnation 2 with papers 1 and 2", got)
	}
	for _, e := range r.all() {
		switch {
		case e.Kind == supervisor.EventExited && e.Supervisor == "upper/lower" && !e.Exit.Asked:
			t.Errorf("%s %d: %+v; want a death that the program has asked for", e.Child, e.Incarnation, e.Exit)
		case e.Kind == supervisor.EventRestarting && e.Child != "upper":
			t.Errorf("%s was started again by a supervisor that was ending", e.Child)
		}
	}
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}
