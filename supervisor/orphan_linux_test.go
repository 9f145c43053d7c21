package supervisor_test

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// Deaf is an actor whose second process does not notice the end of its supervisor, and
// writes its number into the file that deafVar names.
type Deaf struct{}

const deafVar = "SUPERVISOR_TEST_DEAF"

// init makes a process deaf: its actor has no Setup before the root has seen it.
func init() {
	name := os.Getenv(deafVar)
	if name == "" || strings.Contains(os.Getenv("UNDERSTUDY_ROLE"), "supervisor") || os.Mkdir(name+".first", 0o700) == nil {
		return
	}
	signal.Reset(syscall.SIGCONT) // which comes when the supervisor dies
	var pipe [2]int               // in place of the liveness pipe; its other end stays open
	err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK)
	if err == nil {
		err = syscall.Dup3(pipe[0], 4, syscall.O_CLOEXEC)
	}
	if err == nil {
		err = os.WriteFile(name+".new", fmt.Append(nil, os.Getpid()), 0o600)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		panic(err)
	}
}

var (
	deaf     = actor.Define("deaf", func(*actor.Setup[Deaf]) error { return nil })
	deafTree = supervisor.Define("deaf tree", func() (supervisor.Spec, error) {
		return supervisor.Spec{Intensity: 100, Children: []supervisor.Child{{Actor: deaf}}}, nil
	})
)

// TestUnknownOrphan: the root learns that a child was started when the process that
// has started it is dead already, so that it cannot know whose child that is. It does
// not kill it, but the replacement of its supervisor is not started beside it, however
// long it lives.
func TestUnknownOrphan(t *testing.T) {
	testutil.Audit(t)
	file := filepath.Join(t.TempDir(), "pid")
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
	if _, err := supervisor.StartSubtree(ctx, sup, deafTree, supervisor.Child{Name: "tree", Stderr: io.Discard, Env: []string{deafVar + "=" + file}}); err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.Find(sup, deaf, "tree/deaf")
	if err != nil {
		t.Fatal(err)
	}
	middle := pidOf(t, sup, "tree")
	orphan := make(chan int, 1)
	var killed atomic.Bool
	r.mu.Lock()
	r.look = func(e supervisor.Event) { // while the root's loop waits
		switch {
		case e.Kind == supervisor.EventExited && e.Child == "tree/deaf" && e.Incarnation == 1:
			var pid int
			for pid == 0 && ctx.Err() == nil {
				b, _ := os.ReadFile(file)
				pid, _ = strconv.Atoi(string(b))
			}
			_ = syscall.Kill(middle, syscall.SIGKILL)
			for parentOf(pid) == middle && ctx.Err() == nil {
			}
			orphan <- pid
		case e.Kind == supervisor.EventStarting && e.Child == "tree" && e.Incarnation == 2:
			if !killed.Load() {
				t.Error("the replacement was started beside the orphan")
			}
		}
	}
	r.mu.Unlock()
	if err := sup.Kill(ref.ID); err != nil {
		t.Fatal(err)
	}
	pid := <-orphan
	timer := time.NewTimer(300 * time.Millisecond) // what is not waited for is seen by then
	<-timer.C
	if !alive(pid) {
		t.Errorf("%d has ended by itself", pid)
	}
	killed.Store(true)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	r.until(t, ctx, "the replacement", func() bool {
		return slices.Contains(r.kinds(supervisor.EventRestarting), "restarting tree") && stateOf(sup, "tree") == "running"
	})
}
