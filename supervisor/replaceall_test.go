package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceAll: a whole tree, one by one, by another binary. Restarts use it,
// too, and a child that was stopped.
func TestReplaceAll(t *testing.T) {
	child := func(name string) supervisor.Child {
		return supervisor.Child{Name: name, Actor: node, Stderr: io.Discard}
	}
	ctx, sup, r := newSup(t, supervisor.Spec{Children: []supervisor.Child{
		child("a"),
		{Name: "b", Supervisor: &supervisor.Spec{Children: []supervisor.Child{child("c"), child("d")}}},
		child("e"), child("f"),
		{Name: "g", Supervisor: &supervisor.Spec{Children: []supervisor.Child{child("h")}}},
	}})
	find := func(path string) actor.Ref[Node] {
		ref, err := supervisor.Find(sup, node, path)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	if err := sup.Terminate(ctx, find("e").ID); err != nil {
		t.Fatal(err)
	}
	g, err := sup.Below("g") // a supervisor that does not run
	if err == nil {
		err = sup.Terminate(ctx, g.ID())
	}
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "next")
	copyFile(t, os.Args[0], program)
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{Path: program}); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, k := range r.kinds(supervisor.EventReplaced) {
		order = append(order, strings.TrimPrefix(k, "replaced "))
	}
	if want := []string{"a", "b/c", "b/d", "f"}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	re := new(supervisor.ReplaceError)
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{Path: "/bin/false"}); !errors.As(err, &re) || re.Child != "a" {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventAbandoned); !slices.Equal(got, []string{"abandoned a"}) { // it ends at the first
		t.Errorf("%q", got)
	}
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{}); err != nil { // by what each has now
		t.Fatal(err)
	}
	if err := errors.Join(sup.Restart(ctx, find("e").ID), sup.Restart(ctx, g.ID()), sup.Kill(find("a").ID)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"a", "b/c", "b/d", "e", "f", "g/h"} {
		m := who(t, ctx, find(path))
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", m.PID)); err != nil || exe != program {
			t.Errorf("%s runs %s, %v", path, exe, err)
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReplacementValidate: what cannot be is said at once.
func TestReplacementValidate(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	err := sup.Replace(ctx, ref.ID, supervisor.Replacement{Path: "/nonexistent/program", Timeout: -7})
	if err == nil || !strings.Contains(err.Error(), "Replacement.Path") || !strings.Contains(err.Error(), "Replacement.Timeout") {
		t.Fatal(err)
	}
	if err := sup.Replace(ctx, 99, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNotFound) {
		t.Fatal(err)
	}
	var re *supervisor.ReplaceError
	if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{Path: "/bin/false"}); !errors.As(err, &re) || re.Step != "start" || !strings.Contains(err.Error(), "is /bin/false a program made with this library") {
		t.Fatal(err)
	}
	if m := who(t, ctx, ref); m.Incarnation != 1 {
		t.Fatalf("%+v", m)
	}
}

// TestReplaceByWhatCannotBeStarted: a file that the kernel does not execute has no
// process that could fail. The old one goes on, and can be replaced.
func TestReplaceByWhatCannotBeStarted(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{}, "")
		text := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(text, []byte("no program"), 0o700); err != nil {
			t.Fatal(err)
		}
		var re *supervisor.ReplaceError
		if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{Path: text}); !errors.As(err, &re) || re.Step != "start" || !strings.HasSuffix(err.Error(), "exec format error") {
			t.Fatal(err)
		}
		if got := r.events.kinds(supervisor.EventReplacing, supervisor.EventAbandoned, supervisor.EventExited); len(got) != 1 || !strings.HasPrefix(got[0], "abandoned ") || !strings.HasSuffix(got[0], "tally") {
			t.Errorf("%q", got)
		}
		r.check(Standing{Incarnation: 1, Setups: 1, Last: one(1)})
		if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
		r.check(Standing{Incarnation: 3, Setups: 2, Last: one(1)})
		r.sup.Shutdown()
	})
}

// TestStartFromWhileReplaced: a child that ReplaceAll found without a process, and that
// somebody replaces by now, in vain: its next process is from the new program.
func TestStartFromWhileReplaced(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{Stderr: io.Discard}, "give hangs")
		done := r.begin()
		r.atPipe()
		program := filepath.Join(t.TempDir(), "next")
		copyFile(t, os.Args[0], program)
		supervisor.StartFrom(r.sup, r.ref.ID, program)
		if err := syscall.Kill(r.successor(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.As(err, new(*supervisor.ReplaceError)) {
			t.Fatal(err)
		}
		r.goOn()
		if err := r.sup.Kill(r.ref.ID); err != nil {
			t.Fatal(err)
		}
		r.events.until(t, r.ctx, "both have ended", func() bool { return len(r.events.kinds(supervisor.EventExited)) == 2 })
		m := read(t, r.ctx, r.ref)
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", m.PID)); err != nil || exe != program {
			t.Errorf("it runs %s, %v", exe, err)
		}
	})
}

// TestReplaceAllUntil: the error is that of the context, also while it asks a supervisor
// in its own process for its children.
func TestReplaceAllUntil(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	if _, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, supervisor.Child{}); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := sup.ReplaceAll(over, supervisor.Replacement{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
