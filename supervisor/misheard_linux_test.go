package supervisor_test

import (
	"errors"
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
