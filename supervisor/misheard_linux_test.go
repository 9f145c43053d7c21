package supervisor_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestLostFrameEndsItsSender: a process that opens a lane while the supervisor
// has no descriptors left does not go on as if there were that lane: it is
// killed, an event names the limit, and its successor's lane works.
func TestLostFrameEndsItsSender(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	defer restore()
	killed := make(chan string, 100)
	ctx, sup, _ := newSupOn(t, supervisor.Spec{Intensity: 100}, func(e supervisor.Event) {
		if e.Kind == supervisor.EventKilled && e.Child == "talker" {
			restore() // its successor needs descriptors
			killed <- e.Text
		}
	})
	holder := startNode(t, ctx, sup, supervisor.Child{Name: "holder"})
	talker := startNode(t, ctx, sup, supervisor.Child{Name: "talker"})
	for _, ref := range []actor.Ref[Node]{holder, talker} {
		if _, err := actor.Ask(ctx, ref, Who{}); err != nil {
			t.Fatal(err)
		}
	}
	// The next descriptor is the lowest number that is free.
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	next := uint64(null.Fd())
	null.Close()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: next, Max: old.Max}); err != nil {
		t.Skip("RLIMIT_NOFILE cannot be set: ", err)
	}
	me, err := actor.Ask(ctx, talker, Relay{To: holder})
	if err != nil && !errors.As(err, new(*actor.DeathError)) {
		t.Fatal(err)
	}
	select {
	case text := <-killed:
		if !strings.Contains(text, "RLIMIT_NOFILE") {
			t.Errorf("killed: %s", text)
		}
	case <-ctx.Done():
		t.Fatal("the talker lives on")
	}
	if err != nil {
		me, err = actor.Ask(ctx, talker, Relay{To: holder})
	}
	if err != nil || me.PID == os.Getpid() {
		t.Errorf("%+v, %v", me, err)
	}
}

// TestLaneWithoutDescriptors: an actor that has not enough descriptors for a new
// lane does not go on without it, as if nobody had sent anything: its next
// incarnation reads it.
func TestLaneWithoutDescriptors(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	limits := supervisor.Limits{Resources: map[supervisor.Limit]uint64{supervisor.LimitOpenFiles: 64}}
	talker := startNode(t, ctx, sup, supervisor.Child{Name: "talker"})
	for free := range 4 {
		holder := startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint("holder", free), Limits: limits})
		if _, err := actor.Ask(ctx, holder, Hog{Free: free}); err != nil {
			t.Fatal(err)
		}
		me, err := actor.Ask(ctx, talker, Relay{To: holder})
		if err != nil || free == 0 && me.Incarnation != 2 {
			t.Errorf("with %d descriptors: %+v, %v", free, me, err)
		}
		t.Log(free, me)
	}
}

// TestRootWithoutDescriptors: when the root process has not enough descriptors for
// a new lane of its own, whoever sends is told so, or the message is handled.
func TestRootWithoutDescriptors(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
	defer restore()
	for free := range 5 {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		holder := startNode(t, ctx, sup, supervisor.Child{})
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 128, Max: old.Max}); err != nil {
			t.Skip("RLIMIT_NOFILE cannot be set: ", err)
		}
		release := takeDescriptors(free)
		told := actor.Tell(ctx, holder, Mark{Seq: 1})
		_, _ = actor.Lookup[Node](ctx, "node") // the supervisor has seen to it
		release()
		restore()
		log, err := actor.Ask(ctx, holder, Log{})
		if ctx.Err() != nil || told != nil && err == nil && len(log.Lines) > 0 || told == nil && err == nil && len(log.Lines) == 0 {
			t.Errorf("with %d descriptors: told: %v; then %q, %v", free, told, log.Lines, err)
		}
		t.Log(free, told, log.Lines, err)
		sup.Shutdown()
	}
}
