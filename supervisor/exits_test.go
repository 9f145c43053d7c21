package supervisor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestCodes: exit codes that are declared normal end a transient child as 0
// does; those that are declared fatal end even a permanent one, as s6's 125.
func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		child supervisor.Child
		again bool
		want  string // the reason
	}{
		{supervisor.Child{Restart: supervisor.Transient}, true, actor.ReasonError},
		{supervisor.Child{Restart: supervisor.Transient, NormalCodes: []int{7, 3}}, false, actor.ReasonNormal},
		{supervisor.Child{Restart: supervisor.Permanent, NormalCodes: []int{3}}, true, actor.ReasonNormal},
		{supervisor.Child{Restart: supervisor.Permanent, FatalCodes: []int{125, 3}}, false, actor.ReasonError},
		{supervisor.Child{Restart: supervisor.Permanent, FatalCodes: []int{125}}, true, actor.ReasonError},
	} {
		c := tt.child
		t.Run(fmt.Sprint(c.Restart, c.NormalCodes, c.FatalCodes), func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{})
			ref := startNode(t, ctx, sup, c)
			if err := actor.Tell(ctx, ref, Die{How: "exit 3"}); err != nil {
				t.Fatal(err)
			}
			m, err := actor.Ask(ctx, ref, Who{})
			if again := err == nil && m.Incarnation == 2; again != tt.again {
				t.Fatalf("%+v, %v; want a restart: %v", m, err, tt.again)
			}
			gone := func() bool { return len(r.kinds(supervisor.EventGone)) > 0 }
			if !tt.again { // who asks may know it a moment before who counts events
				r.until(t, ctx, "the end for good", gone)
			} else if gone() {
				t.Fatal("gone")
			}
			for _, e := range r.all() {
				if e.Kind == supervisor.EventExited && e.Exit.Reason != tt.want {
					t.Errorf("the reason is %s, want %s", e.Exit.Reason, tt.want)
				}
			}
		})
	}
	bad := supervisor.Child{NormalCodes: []int{0, 4}, FatalCodes: []int{4, 256}}.Validate()
	if bad == nil || strings.Count(bad.Error(), "\n") != 2 {
		t.Fatalf("%v; want three problems", bad)
	}
}

// TestFatalCodeInRestart: a child that says during a restart that no attempt
// makes sense is not tried again.
func TestFatalCodeInRestart(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 100})
	ref := startNode(t, ctx, sup, supervisor.Child{FatalCodes: []int{9}, Env: []string{"NODE_SETUP=exit again"}})
	if err := actor.Tell(ctx, ref, Die{How: "exit 3"}); err != nil {
		t.Fatal(err)
	}
	if m, err := actor.Ask(ctx, ref, Who{}); err == nil {
		t.Fatalf("%+v", m)
	}
	if got := r.kinds(supervisor.EventStarting); len(got) != 2 {
		t.Fatalf("%q", got)
	}
}

// TestNotice: a death notice has the facts: code, times, memory, the name of
// the last message's type, the reason and the stack.
func TestNotice(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	ch, _, err := actor.Monitor(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, ref, Die{How: "panic"}); err != nil {
		t.Fatal(err)
	}
	x := wait(t, ctx, ch).Exit
	if x.Kind != actor.ExitPanic || x.Code != 2 || x.Runtime <= 0 || x.CPU <= 0 || x.MaxRSS <= 1<<20 || x.PID == 0 ||
		!strings.HasSuffix(x.LastMessage, "Die") || x.Summary != "panic: node was told to" || !strings.Contains(x.Stack, "goroutine ") {
		t.Fatalf("%+v", x)
	}
}
