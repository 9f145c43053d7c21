package supervisor_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestStopTogetherWithoutProcess: of children that stop together, under one timer, one
// has no process, since its start has just failed. The others are killed when their
// time is over all the same.
func TestStopTogetherWithoutProcess(t *testing.T) {
	testutil.Audit(t)
	template := listed("n")
	template.Env, template.Shutdown = []string{"NODE_SLOW_STOP=1"}, 50*time.Millisecond
	ctx, sup, r := newSup(t, supervisor.Spec{Strategy: supervisor.SimpleOneForOne, Intensity: 100, Children: []supervisor.Child{template}})
	first, err := supervisor.Start(ctx, sup, node)
	if err == nil {
		_, err = supervisor.Start(ctx, sup, node)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "next")
	copyFile(t, os.Args[0], program)
	if err := sup.Replace(ctx, first.ID, supervisor.Replacement{Path: program}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(program); err != nil { // what it would be started from
		t.Fatal(err)
	}
	r.mu.Lock()
	r.look = func(e supervisor.Event) {
		if e.Kind == supervisor.EventRestarting {
			supervisor.ShutdownNext(sup) // between the start that fails and its end
		}
	}
	r.mu.Unlock()
	if err := sup.Kill(first.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-sup.Done():
	case <-ctx.Done():
		t.Fatal("a child that does not end by itself is not killed")
	}
	if got := r.kinds(supervisor.EventRestarting); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
