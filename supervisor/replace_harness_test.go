package supervisor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

type replaceTest struct {
	*testing.T
	ctx    context.Context
	sup    *supervisor.Supervisor
	over   *supervisor.Supervisor // the tally
	events *recorder
	ref    actor.Ref[Tally]
	file   string // the pipe at which the tally waits
	before Standing
}

func newReplaceTest(t *testing.T, at place, spec supervisor.Spec, child supervisor.Child, how string) *replaceTest {
	t.Helper()
	testutil.Audit(t)
	r := &replaceTest{T: t, file: newPipe(t)}
	r.ctx, r.sup, r.events = newSup(t, spec)
	child.Env = append(child.Env, "TALLY="+how, "TALLY_FILE="+r.file)
	r.over, r.ref = at(t, r.ctx, r.sup, spec, child)
	if err := actor.Tell(r.ctx, r.ref, Item{From: "t", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	r.before = read(t, r.ctx, r.ref)
	return r
}

// newPipe makes a named pipe at which actors can wait.
func newPipe(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "go on")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// goOn lets all go on that wait at the pipe, now or later.
func (r *replaceTest) goOn() {
	r.Helper()
	f, err := os.OpenFile(r.file, os.O_RDWR, 0)
	if err == nil {
		r.Cleanup(func() { f.Close() })
		_, err = f.Write(make([]byte, 64))
	}
	if err != nil {
		r.Error(err)
	}
}

// atPipe returns when somebody waits at the pipe.
func (r *replaceTest) atPipe() {
	r.Helper()
	for {
		f, err := os.OpenFile(r.file, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			r.Cleanup(func() { f.Close() }) // who waits would find the pipe at its end
			return
		}
		if !errors.Is(err, syscall.ENXIO) || r.ctx.Err() != nil {
			r.Fatal(err)
		}
		runtime.Gosched()
	}
}

// begin begins a replacement and waits until a successor runs.
func (r *replaceTest) begin() <-chan error {
	r.Helper()
	done := make(chan error, 1)
	go func() { done <- r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}) }()
	r.events.until(r, r.ctx, "a successor", func() bool { return len(r.events.kinds(supervisor.EventReplacing)) > 0 })
	return done
}

// successor is the process of the last successor.
func (r *replaceTest) successor() (pid int) {
	for _, e := range r.events.all() {
		if e.Kind == supervisor.EventReplacing {
			pid = e.PID
		}
	}
	return pid
}

func (r *replaceTest) check(want Standing) {
	r.Helper()
	got := read(r, r.ctx, r.ref)
	if got.Incarnation != want.Incarnation || got.Setups != want.Setups || got.Last["t"] != want.Last["t"] || len(got.Wrong) > 0 {
		r.Fatalf("%+v, want %+v", got, want)
	}
	for _, pid := range []int{r.before.PID, r.successor()} {
		if pid != got.PID && alive(pid) {
			r.Fatalf("process %d lives, beside %d", pid, got.PID)
		}
	}
}

func one(n int) map[string]int { return map[string]int{"t": n} }
