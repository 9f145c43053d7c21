package supervisor_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceWaitsForTheMessage: the message in hand is handled to its end by the
// old process; if that takes too long, it goes on.
func TestReplaceWaitsForTheMessage(t *testing.T) { everywhere(t, testReplaceWaitsForTheMessage) }

func testReplaceWaitsForTheMessage(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{Intensity: supervisor.NoRestarts}, supervisor.Child{}, "")
	if err := actor.Tell(r.ctx, r.ref, Wait{File: r.file}); err != nil {
		t.Fatal(err)
	}
	r.atPipe()
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{Timeout: 200 * time.Millisecond}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	for i := 2; i < 5; i++ { // they wait behind the one in hand
		if err := actor.Tell(r.ctx, r.ref, Item{From: "t", Seq: i}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}) }()
	r.events.until(t, r.ctx, "two successors", func() bool { return len(r.events.kinds(supervisor.EventReplacing)) == 2 })
	r.goOn()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.check(Standing{Incarnation: 3, Setups: 2, Last: one(4)})
	r.sup.Shutdown()
}

// TestReplaceLargeState: a state that no frame holds crosses in a segment.
func TestReplaceLargeState(t *testing.T) { everywhere(t, testReplaceLargeState) }

func testReplaceLargeState(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{}, "")
	for i, n := range []int{0, 32<<10 - 100, 33 << 10, 8 << 20} {
		if err := actor.Tell(r.ctx, r.ref, Keep{Bytes: n}); err != nil {
			t.Fatal(err)
		}
		if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
		if now := read(t, r.ctx, r.ref); now.Setups != i+2 || now.Last["t"] != 1 || now.Ballast != n {
			t.Fatalf("%+v", now)
		}
	}
	r.sup.Shutdown()
}

// TestReplaceWithoutState: an actor that hands over nothing begins anew, with
// its mailbox.
func TestReplaceWithoutState(t *testing.T) { everywhere(t, testReplaceWithoutState) }

func testReplaceWithoutState(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{}, "no state")
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
		t.Fatal(err)
	}
	r.check(Standing{Incarnation: 2, Setups: 1})
	r.sup.Shutdown()
}

// TestSetupOfSuccessorSends: a successor asks in its Setup what its predecessor
// has a lane to.
func TestSetupOfSuccessorSends(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	other := startNode(t, ctx, sup, supervisor.Child{})
	ref := startTally(t, ctx, sup, supervisor.Child{Env: []string{fmt.Sprint("TALLY_ASKS=", other.ID)}})
	for i := range 3 {
		if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
		if now := read(t, ctx, ref); now.Setups != i+2 {
			t.Fatalf("%+v", now)
		}
	}
}

// TestSetupOfSuccessorAsksItself: what a successor's Setup asks the actor would wait
// for that Setup: it fails at once.
func TestSetupOfSuccessorAsksItself(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startTally(t, ctx, sup, supervisor.Child{Env: []string{"TALLY=asks itself"}})
	for range 3 {
		if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplaceInPlace: the same without processes.
func TestReplaceInPlace(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startTally(t, ctx, sup, supervisor.Child{InPlace: true})
	if err := actor.Tell(ctx, ref, Item{From: "t", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err != nil {
		t.Fatal(err)
	}
	if now := read(t, ctx, ref); now.Incarnation != 2 || now.Last["t"] != 1 || now.Setups != 2 {
		t.Fatalf("%+v", now)
	}
	if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{Path: os.Args[0]}); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
}

// TestReplacedInVainBeforeARestart: the number of a successor that was given up is not
// used again when the supervisor, in this process, is started again: others know that
// process, and that it has ended.
func TestReplacedInVainBeforeARestart(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	other := startNode(t, ctx, sup, supervisor.Child{})
	child := supervisor.Child{Name: "tally", Actor: tally, Stderr: io.Discard, Env: []string{"TALLY=give fails", fmt.Sprint("TALLY_ASKS=", other.ID)}}
	desk, err := sup.StartSupervisor(ctx, supervisor.Spec{Children: []supervisor.Child{child}}, supervisor.Child{Name: "desk"})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.Find(desk, tally, "tally")
	if err != nil {
		t.Fatal(err)
	}
	var failed *supervisor.ReplaceError
	if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); !errors.As(err, &failed) || failed.Step != "hand over" {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, desk.ID()); err != nil {
		t.Fatal(err)
	}
	if err := sup.Restart(ctx, desk.ID()); err != nil {
		t.Fatal(err)
	}
	if now := read(t, ctx, ref); now.Incarnation != 3 {
		t.Errorf("incarnation %d, want 3", now.Incarnation)
	}
}
