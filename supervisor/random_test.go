package supervisor_test

import (
	"math/rand/v2"
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
