package supervisor_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// What a process is that has taken over: the child in every respect.

// TestReplacedByLessThanItHandles: the next successor has to handle what the process that
// has taken over does, and not what its predecessor did.
func TestReplacedByLessThanItHandles(t *testing.T) { everywhere(t, testReplacedByLessThanItHandles) }

func testReplacedByLessThanItHandles(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{}, "handles more once")
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
		t.Fatal(err)
	}
	var i *supervisor.IncompatibleError
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); !errors.As(err, &i) || !strings.HasSuffix(i.Type, "Keep") {
		t.Errorf("%v", err)
	}
	r.check(Standing{Incarnation: 2, Setups: 2, Last: one(1)})
	r.sup.Shutdown()
}

// TestReplaceLeavesNoDescriptor: the root has no more of them after several replacements
// than after one.
func TestReplaceLeavesNoDescriptor(t *testing.T) { everywhere(t, testReplaceLeavesNoDescriptor) }

func testReplaceLeavesNoDescriptor(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{}, "")
	replace := func() {
		if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
		read(t, r.ctx, r.ref)
	}
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(files)
	}
	fail := func() {
		if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{Path: "/bin/false"}); !errors.As(err, new(*supervisor.ReplaceError)) {
			t.Fatal(err)
		}
	}
	replace()
	fail()
	most := open()
	for range 5 {
		replace()
		fail()
	}
	for n := open(); n > most; n = open() { // what is on its way out
		if r.ctx.Err() != nil {
			t.Fatalf("%d descriptors, and %d after the first", n, most)
		}
		runtime.Gosched()
	}
	r.sup.Shutdown()
}

// TestWatchdogAfterReplace: the watchdog looks at the process that has taken over.
func TestWatchdogAfterReplace(t *testing.T) { everywhere(t, testWatchdogAfterReplace) }

func testWatchdogAfterReplace(t *testing.T, at place) {
	r := newReplaceTest(t, at, supervisor.Spec{}, supervisor.Child{Watchdog: 200 * time.Millisecond}, "")
	if err := r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}); err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(r.ctx, r.ref, Wait{File: r.file}); err != nil { // for ever
		t.Fatal(err)
	}
	r.events.until(r, r.ctx, "the watchdog", func() bool { return len(r.events.kinds(supervisor.EventHung)) > 0 })
	r.check(Standing{Incarnation: 3, Setups: 1})
	r.sup.Shutdown()
}

// TestWatchdogWhileHandingOver: a child that hands over, while messages wait, is not one
// that hangs, however long it takes.
func TestWatchdogWhileHandingOver(t *testing.T) { everywhere(t, testWatchdogWhileHandingOver) }

func testWatchdogWhileHandingOver(t *testing.T, at place) {
	const limit = 200 * time.Millisecond
	r := newReplaceTest(t, at, supervisor.Spec{Intensity: 5}, supervisor.Child{Watchdog: limit}, "give hangs")
	done := r.begin()
	r.atPipe() // it hands over
	if err := actor.Tell(r.ctx, r.ref, Item{From: "t", Seq: 2}); err != nil {
		t.Fatal(err)
	}
	// One that does hang, for as long and a moment less.
	other := startNode(t, r.ctx, r.sup, supervisor.Child{Name: "other", Watchdog: limit})
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	go actor.Ask(ctx, other, Hold{})
	r.events.until(r, r.ctx, "the watchdog of the other one", func() bool {
		return slices.Contains(r.events.kinds(supervisor.EventHung), "hung other")
	})
	r.goOn()
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.check(Standing{Incarnation: 2, Setups: 2, Last: one(2)})
	if got := r.events.kinds(supervisor.EventHung); len(got) != 1 {
		t.Errorf("%q", got)
	}
	r.sup.Shutdown()
}
