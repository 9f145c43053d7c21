package supervisor_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceKeepsMonitorsAndLinks: for others the actor goes on. OTP:
// code_change.
func TestReplaceKeepsMonitorsAndLinks(t *testing.T) { everywhere(t, testReplaceKeepsMonitorsAndLinks) }

func testReplaceKeepsMonitorsAndLinks(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{Intensity: 5}, supervisor.Child{Env: []string{"TALLY_TRAP=1"}, Restart: supervisor.Transient}, "")
	ch, _, err := actor.Monitor(r.ctx, r.ref)
	if err != nil {
		t.Fatal(err)
	}
	friend := startNode(t, r.ctx, r.sup, supervisor.Child{Name: "friend"})
	if _, err := actor.Ask(r.ctx, r.ref, Guard{ID: friend.ID}); err != nil {
		t.Fatal(err)
	}
	peer := startNode(t, r.ctx, r.sup, supervisor.Child{Name: "peer", Env: []string{"NODE_TRAP=1"}})
	if _, err := actor.Ask(r.ctx, peer, Join{Other: actor.Ref[Node]{ID: r.ref.ID}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case d := <-ch:
		t.Fatal("a replacement was an end: ", d)
	default:
	}
	// What the first one was linked with, the third one is.
	if err := actor.Tell(r.ctx, friend, Die{How: "exit 3"}); err != nil {
		t.Fatal(err)
	}
	for len(read(t, r.ctx, r.ref).Downs) == 0 && r.ctx.Err() == nil {
		runtime.Gosched()
	}
	if err := r.sup.Kill(r.ref.ID); err != nil {
		t.Fatal(err)
	}
	if d := wait(t, r.ctx, ch); d.Exit.Incarnation != 3 || d.Exit.Reason != actor.ReasonKilled {
		t.Fatalf("%+v", d)
	}
	var log Entries
	for len(log.Lines) == 0 && r.ctx.Err() == nil {
		if log, err = actor.Ask(r.ctx, peer, Log{}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{fmt.Sprintf("linked %d: killed", r.ref.ID)}; !slices.Equal(log.Lines, want) {
		t.Fatal(log.Lines)
	}
	for _, e := range r.events.all() {
		if e.Kind == supervisor.EventExited && e.ID == r.ref.ID && e.Incarnation < 3 && e.Exit.Reason != actor.ReasonReplaced {
			t.Errorf("%v: %+v", e, e.Exit)
		}
	}
	r.sup.Shutdown()
}

// TestLinkEndsDuringHandover: the end of a linked actor is noticed once, by the
// process that goes on.
func TestLinkEndsDuringHandover(t *testing.T) { everywhere(t, testLinkEndsDuringHandover) }

func testLinkEndsDuringHandover(t *testing.T, at place) {
	for _, goesOn := range []string{"the old one", "the new one"} {
		t.Run(goesOn, func(t *testing.T) {
			lines, w := io.Pipe()
			defer w.Close()
			r := newReplaceTest(t, at, supervisor.Spec{Intensity: 5}, supervisor.Child{Env: []string{"TALLY_TRAP=1"}, Stderr: w}, "give hangs")
			friend := startNode(t, r.ctx, r.sup, supervisor.Child{Name: "friend"})
			if _, err := actor.Ask(r.ctx, r.ref, Guard{ID: friend.ID}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(r.ctx)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- r.sup.Replace(ctx, r.ref.ID, supervisor.Replacement{}) }()
			if _, err := bufio.NewReader(lines).ReadString('\n'); err != nil { // it is handing over
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			ch, _, err := actor.Monitor(r.ctx, friend)
			if err != nil {
				t.Fatal(err)
			}
			if err := actor.Tell(r.ctx, friend, Die{How: "exit 3"}); err != nil {
				t.Fatal(err)
			}
			wait(t, r.ctx, ch)
			want := 2
			if goesOn == "the old one" {
				want = 1
				cancel()
				if err := <-done; err == nil {
					t.Fatal("it was replaced")
				}
				// Nobody waits for it any more; that it is given up is an event.
				r.events.until(t, r.ctx, "it is given up", func() bool { return len(r.events.kinds(supervisor.EventAbandoned)) > 0 })
				r.goOn()
			} else {
				r.goOn()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			now := read(t, r.ctx, r.ref)
			for len(now.Downs) == 0 && r.ctx.Err() == nil {
				now = read(t, r.ctx, r.ref)
			}
			if now.Incarnation != want || !slices.Equal(now.Downs, []string{"error"}) {
				t.Fatalf("%+v", now)
			}
			r.sup.Shutdown()
		})
	}
}
