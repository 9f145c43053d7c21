package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestRandomKills: the leaves of a three-level tree with every strategy are
// killed at random, several at a time. Each is there again, under the same Ref,
// with a higher incarnation, and nothing is left at the end.
func TestRandomKills(t *testing.T) {
	level := func(s supervisor.Strategy, children ...supervisor.Child) *supervisor.Spec {
		return &supervisor.Spec{Strategy: s, Intensity: 1000, Period: time.Hour, Children: children}
	}
	quick := func(name string) supervisor.Child {
		c := listed(name)
		c.Shutdown = supervisor.BrutalKill
		return c
	}
	spec := level(supervisor.OneForOne, quick("a"),
		supervisor.Child{Name: "b", Supervisor: level(supervisor.RestForOne, quick("x"), quick("y"),
			supervisor.Child{Name: "c", Supervisor: level(supervisor.OneForAll, quick("p"), quick("q"))}, listed("z"))})
	ctx, sup, _ := newSup(t, *spec)
	paths := []string{"a", "b/x", "b/y", "b/c/p", "b/c/q", "b/z"}
	pids := map[string]int{}
	last := map[string]int{}
	for range testutil.Rounds(6, 300) {
		for range 1 + rand.IntN(3) {
			ref := find(t, sup, paths[rand.IntN(len(paths))])
			_ = sup.Kill(ref.ID) // it may be dead already
		}
		for _, path := range paths {
			var ref actor.Ref[Node]
			for err := error(supervisor.ErrNotFound); err != nil && ctx.Err() == nil; { // while its supervisor is restarted, it is not to be found
				ref, err = supervisor.Find(sup, node, path)
			}
			m := who(t, ctx, ref)
			if m.Incarnation < last[path] || m.PID != pids[path] && m.Incarnation == last[path] {
				t.Fatalf("%s: %+v after incarnation %d, process %d", path, m, last[path], pids[path])
			}
			pids[path], last[path] = m.PID, m.Incarnation
		}
	}
	sup.Shutdown()
	for path, pid := range pids {
		if alive(pid) {
			t.Errorf("%s is alive", path)
		}
	}
}

// TestRandomCommands: several goroutines start, terminate, restart, delete and
// kill children of two supervisors, all at once. Every command has an answer
// that makes sense, no child has two processes at a time, and at the end none
// is left.
func TestRandomCommands(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Strategy: supervisor.RestForOne, Intensity: 1000})
	sub, err := sup.StartSupervisor(ctx, supervisor.Spec{Intensity: 2, Period: time.Minute, Children: []supervisor.Child{listed("a"), listed("b")}},
		supervisor.Child{Name: "sub"})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 3 {
		all.Go(func() {
			for n := range testutil.Rounds(12, 400) {
				s := []*supervisor.Supervisor{sup, sub}[rand.IntN(2)]
				if err := randomCommand(ctx, s, fmt.Sprintf("g%d-%d", g, n)); err != nil && !expected(err) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	all.Wait()
	sup.Shutdown()
	alone := map[string]bool{} // has a process, by the events
	for _, e := range r.all() {
		switch e.Kind {
		case supervisor.EventStarting:
			if alone[e.Child] {
				t.Errorf("%s is started, and has a process", e.Child)
			}
			alone[e.Child] = true
		case supervisor.EventExited:
			delete(alone, e.Child)
			if e.PID != 0 && e.PID != os.Getpid() && alive(e.PID) {
				t.Errorf("%s has ended, and process %d is alive", e.Child, e.PID)
			}
		}
	}
	if len(alone) > 0 {
		t.Errorf("left: %v", alone)
	}
}

func randomCommand(ctx context.Context, s *supervisor.Supervisor, name string) error {
	children := s.Children()
	var id uint32
	if len(children) > 0 {
		id = children[rand.IntN(len(children))].ID
	}
	switch rand.IntN(6) {
	case 0, 1:
		_, err := supervisor.StartChild(ctx, s, node, supervisor.Child{Name: name, Restart: supervisor.Restart(rand.IntN(3)), InPlace: rand.IntN(3) > 0, Stderr: io.Discard})
		return err
	case 2:
		return s.Terminate(ctx, id)
	case 3:
		return s.Restart(ctx, id)
	case 4:
		return s.Delete(ctx, id)
	}
	return s.Kill(id)
}

// expected says whether an error says no more than that the command came at
// the wrong moment.
func expected(err error) bool {
	for _, e := range []error{supervisor.ErrNotFound, supervisor.ErrRunning, supervisor.ErrRestarting, supervisor.ErrTerminated,
		supervisor.ErrNotRunning, supervisor.ErrShuttingDown} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.As(err, new(*supervisor.StartError)) // it was killed while it started
}
