package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

func link(t testing.TB, ctx context.Context, a, b actor.Ref[Node], undo bool) {
	t.Helper()
	if _, err := actor.Ask(ctx, a, Join{Other: b, Undo: undo}); err != nil {
		t.Fatal(err)
	}
}

// TestLinks: who ends with whom, for which reason. OTP: exit signals of linked
// processes; erlang:link, unlink, process_flag(trap_exit).
func TestLinks(t *testing.T) {
	for _, tt := range []struct {
		name    string
		how     string // a's end
		trap    bool   // b traps exits
		by      string // who makes the link
		undo    string // who takes it back
		reason  string // that b ends for, or is told; "" when it lives and hears nothing
		restart bool   // b is transient: is it restarted?
	}{
		{name: "crash", how: "exit 3", by: "a", reason: actor.ReasonError, restart: true},
		{name: "crash, linked from the other side", how: "panic", by: "b", reason: actor.ReasonError, restart: true},
		{name: "kill", how: "kill", by: "a", reason: actor.ReasonKilled, restart: true},
		{name: "normal", how: "stop", by: "a"},
		{name: "exit 0", how: "exit 0", by: "a"},
		{name: "shutdown", how: "exit shutdown", by: "a", reason: actor.ReasonShutdown},
		{name: "{shutdown, X}", how: "exit shutdown: moved", by: "a", reason: "shutdown: moved"},
		{name: "a reason of its own", how: "exit no fuel", by: "a", reason: actor.ReasonError, restart: true},
		{name: "trapped crash", how: "exit 3", by: "a", trap: true, reason: actor.ReasonError},
		{name: "trapped normal", how: "stop", by: "b", trap: true, reason: actor.ReasonNormal},
		{name: "unlinked", how: "exit 3", by: "a", undo: "a"},
		{name: "unlinked by the other side", how: "exit 3", by: "a", undo: "b"},
		{name: "linked twice, unlinked once", how: "exit 3", by: "ab", undo: "b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 9})
			a := startNode(t, ctx, sup, supervisor.Child{Name: "a", Restart: supervisor.Temporary})
			env := []string{"NODE_TRAP=" + map[bool]string{true: "1"}[tt.trap]}
			b := startNode(t, ctx, sup, supervisor.Child{Name: "b", Restart: supervisor.Transient, Env: env})
			refs := map[string]actor.Ref[Node]{"a": a, "b": b}
			other := map[string]actor.Ref[Node]{"a": b, "b": a}
			for by := range strings.SplitSeq(tt.by, "") {
				link(t, ctx, refs[by], other[by], false)
			}
			if tt.undo != "" {
				link(t, ctx, refs[tt.undo], other[tt.undo], true)
			}
			down, _, err := actor.Monitor(ctx, b)
			if err != nil {
				t.Fatal(err)
			}
			tell(t, ctx, a, tt.how)
			if tt.trap || tt.reason == "" { // b lives
				r.until(t, ctx, "a's end", func() bool { return len(r.kinds(supervisor.EventExited)) == 1 })
				var lines []string
				for want := tt.trap; ; {
					l, err := actor.Ask(ctx, b, Log{})
					if err != nil {
						t.Fatal(err)
					}
					if lines = l.Lines; !want || len(lines) > 0 {
						break
					}
				}
				if want := []string{fmt.Sprintf("linked %d: %s", a.ID, tt.reason)}; tt.trap && !slices.Equal(lines, want) || !tt.trap && len(lines) > 0 {
					t.Fatalf("%q, want %q", lines, want)
				}
				if m := who(t, ctx, b); m.Incarnation != 1 {
					t.Fatalf("%+v", m)
				}
				return
			}
			d := wait(t, ctx, down)
			if d.Exit.Reason != tt.reason || !strings.HasPrefix(d.Exit.Summary, "linked with a, which has ended: ") {
				t.Fatalf("%+v, want reason %s", d.Exit, tt.reason)
			}
			if tt.restart {
				if m := who(t, ctx, b); m.Incarnation != 2 {
					t.Fatalf("%+v", m)
				}
			} else {
				r.until(t, ctx, "gone", func() bool { return stateOf(sup, "b") == "stopped" })
			}
		})
	}
}

// TestLinkToTheDead: it ends at once, with noproc, as one with nobody does.
func TestLinkToTheDead(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 9})
	dead := startNode(t, ctx, sup, supervisor.Child{Name: "dead"})
	if err := sup.Terminate(ctx, dead.ID); err != nil {
		t.Fatal(err)
	}
	a := startNode(t, ctx, sup, supervisor.Child{Name: "a"})
	for other, name := range map[actor.Ref[Node]]string{dead: "dead", {ID: 99}: "number 99"} {
		m := who(t, ctx, a) // it is alive
		down, _, err := actor.Monitor(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		go actor.Ask(ctx, a, Join{Other: other})
		if d := wait(t, ctx, down); d.Exit.Incarnation != m.Incarnation || d.Exit.Reason != actor.ReasonNoProc || d.Exit.Summary != "linked with "+name+", which has ended: no such actor is alive" {
			t.Errorf("%+v", d)
		}
	}
}

// TestLinkedThatHoldsIsKilled: an actor that does not end in its time, because
// of a link, is killed.
func TestLinkedThatHoldsIsKilled(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	a := startNode(t, ctx, sup, supervisor.Child{Name: "a", Restart: supervisor.Temporary})
	b := startNode(t, ctx, sup, supervisor.Child{Name: "b", Restart: supervisor.Temporary, Env: []string{"NODE_SLOW_STOP=1"}, Shutdown: 20 * time.Millisecond})
	link(t, ctx, b, a, false)
	down, _, err := actor.Monitor(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, ctx, a, "panic")
	if d := wait(t, ctx, down); d.Exit.Reason != actor.ReasonError {
		t.Fatalf("%+v", d)
	}
	if got, want := r.kinds(supervisor.EventKilled), []string{"killed b"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

// TestLinkedThatIsKilledHandlesAgain: what an actor has in hand when it is killed
// because of a link is not to blame for that: it is handled again.
func TestLinkedThatIsKilledHandlesAgain(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 9})
	a := startNode(t, ctx, sup, supervisor.Child{Name: "a", Restart: supervisor.Temporary})
	holding := make(words, 16)
	b := startNode(t, ctx, sup, supervisor.Child{Name: "b", Shutdown: 20 * time.Millisecond, Stderr: holding})
	link(t, ctx, b, a, false)
	go func() { _, _ = actor.Ask(ctx, b, Hold{}) }()
	<-holding
	if err := sup.Kill(a.ID); err != nil { // it has nothing in hand
		t.Fatal(err)
	}
	r.until(t, ctx, "b's next incarnation", func() bool {
		return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool {
			return e.Kind == supervisor.EventReady && e.Child == "b" && e.Incarnation == 2
		})
	})
	<-holding
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// words is what a child writes to its stderr.
type words chan string

func (w words) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

// TestExitReasons: what a wait status cannot say is declared on the link, and
// believed only with exit code 0. OTP: transient_shutdown, GS stop1..stop10.
func TestExitReasons(t *testing.T) {
	for how, want := range map[string]string{
		"exit normal": actor.ReasonNormal, "exit shutdown": actor.ReasonShutdown, "exit shutdown: x": actor.ShutdownFor("x"),
		"exit no fuel": actor.ReasonError, "exit ": actor.ReasonError, "kill": actor.ReasonKilled, "stop": actor.ReasonNormal,
	} {
		t.Run(how, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{})
			ref := startNode(t, ctx, sup, supervisor.Child{Restart: supervisor.Transient})
			down, _, err := actor.Monitor(ctx, ref)
			if err != nil {
				t.Fatal(err)
			}
			tell(t, ctx, ref, how)
			d := wait(t, ctx, down)
			if d.Exit.Reason != want {
				t.Fatalf("%+v, want reason %s", d.Exit, want)
			}
			says := map[string]string{"exit no fuel": "actor node: exit: no fuel\n", "exit ": "actor node: exit: no reason given\n"}[how]
			if !strings.Contains(d.Exit.Stderr, says) {
				t.Fatalf("%q, want %q", d.Exit.Stderr, says)
			}
			again := want == actor.ReasonError || want == actor.ReasonKilled
			if again {
				who(t, ctx, ref)
			}
			if got := len(r.kinds(supervisor.EventRestarting)) == 1; got != again {
				t.Fatal("restarted:", got)
			}
		})
	}
}

// TestNameIsFreeAfterDown: who is told of an end can use the name at once, even
// while the supervisor is busy with another child.
func TestNameIsFreeAfterDown(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	for i := range 5 {
		ref := startNode(t, ctx, sup, supervisor.Child{Name: "x", Restart: supervisor.Temporary})
		down, _, err := actor.Monitor(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		busy := make(chan error, 1)
		go func() {
			_, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Name: fmt.Sprint("other", i)})
			busy <- err
		}()
		tell(t, ctx, ref, "kill")
		wait(t, ctx, down)
		again := startNode(t, ctx, sup, supervisor.Child{Name: "x", Restart: supervisor.Temporary})
		if err := errors.Join(sup.Terminate(ctx, again.ID), <-busy); err != nil {
			t.Fatal(err)
		}
	}
}
