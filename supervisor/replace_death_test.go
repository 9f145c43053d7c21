package supervisor_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplacedWhileItEnds: after the point of no return nothing that the old
// process does to itself matters.
func TestReplacedWhileItEnds(t *testing.T) { everywhere(t, testReplacedWhileItEnds) }

func testReplacedWhileItEnds(t *testing.T, at place) {
	for _, how := range []string{"stop hangs", "stop dies", ""} {
		for _, shutdown := range []time.Duration{200 * time.Millisecond, supervisor.BrutalKill} {
			t.Run(fmt.Sprint(how, shutdown), func(t *testing.T) {
				r := newReplaceTest(t, at, supervisor.Spec{Intensity: supervisor.NoRestarts}, supervisor.Child{Shutdown: shutdown}, how)
				if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
					t.Fatal(err)
				}
				r.check(Standing{Incarnation: 2, Setups: 2, Last: one(1)})
				r.sup.Shutdown()
			})
		}
	}
}

// TestDeathsDuringReplace: the death of the child ends the replacement, and is a
// death like any other: its rules decide.
func TestDeathsDuringReplace(t *testing.T) { everywhere(t, testDeathsDuringReplace) }

func testDeathsDuringReplace(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{}, "give dies")
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNotRunning) {
		t.Fatal(err)
	}
	r.check(Standing{Incarnation: 3, Setups: 1}) // 2 was the successor
	if r.sup.Restarts() != 1 {
		t.Error(r.sup.Restarts())
	}
	r.sup.Shutdown()
}

// TestTemporaryDiesDuringReplace: it is not restarted, and its successor goes
// with it.
func TestTemporaryDiesDuringReplace(t *testing.T) { everywhere(t, testTemporaryDiesDuringReplace) }

func testTemporaryDiesDuringReplace(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{Restart: supervisor.Temporary}, "give dies")
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNotRunning) {
		t.Fatal(err)
	}
	var gone *actor.GoneError
	if _, err := actor.Ask(r.ctx, r.ref, Status{}); !errors.As(err, &gone) || alive(r.successor()) {
		t.Fatal(err)
	}
	r.sup.Shutdown()
}

// TestSuccessorDiesAtTheTakeOver: the old process has handed over and is ending,
// and the new one is killed. It was the child already, so that is a restart. What
// is in the mailbox is handled, and only the state is lost, as by any crash.
func TestSuccessorDiesAtTheTakeOver(t *testing.T) { everywhere(t, testSuccessorDiesAtTheTakeOver) }

func testSuccessorDiesAtTheTakeOver(t *testing.T, at place) {
	lines, w := io.Pipe()
	defer w.Close()
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{Stderr: w, Shutdown: supervisor.Infinity}, "stop waits")
	done := r.begin()
	if _, err := bufio.NewReader(lines).ReadString('\n'); err != nil { // the old one is ending
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	if err := actor.Tell(r.ctx, r.ref, Item{From: "t", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	pid := r.successor()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for alive(pid) && r.ctx.Err() == nil {
		runtime.Gosched()
	}
	r.goOn()
	// Which of the two ends is noticed first is a matter of chance.
	var re *supervisor.ReplaceError
	if err := <-done; err != nil && (!errors.As(err, &re) || re.Step != "take over") {
		t.Fatal(err)
	}
	r.check(Standing{Incarnation: 3, Setups: 1, Last: one(1)})
	var ended []int
	for _, e := range r.events.all() {
		if e.Kind == supervisor.EventExited && e.ID == r.ref.ID {
			ended = append(ended, e.PID)
		}
	}
	slices.Sort(ended)
	if want := []int{min(r.before.PID, pid), max(r.before.PID, pid)}; !slices.Equal(ended, want) {
		t.Errorf("the ends of %d are told, want %d", ended, want)
	}
	if r.sup.Restarts() != 1 {
		t.Error(r.sup.Restarts())
	}
	r.sup.Shutdown()
}
