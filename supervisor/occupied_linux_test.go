package supervisor_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestOccupied: a process that makes frames wait for another one, which is stopped, is
// killed; that one goes on, and is told the rest.
func TestOccupied(t *testing.T) {
	testutil.Audit(t)
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 2})
	bad, other := startNode(t, ctx, sup, supervisor.Child{Name: "bad"}), startNode(t, ctx, sup, supervisor.Child{Name: "other"})
	m := who(t, ctx, other)
	if _, err := actor.Ask(ctx, bad, Relay{To: other}); err != nil {
		t.Fatal(err)
	}
	_ = unix.Kill(m.PID, unix.SIGSTOP)
	t.Cleanup(func() { _ = unix.Kill(m.PID, unix.SIGCONT) })
	for !stopped(m.PID) {
		runtime.Gosched()
	}
	_, err := actor.Ask(ctx, bad, Flood{What: "others' frames", N: 1 << 15, Other: other, Known: true})
	if d := new(actor.DeathError); !errors.As(err, &d) {
		r.until(t, ctx, "it is killed", func() bool { return len(r.kinds(supervisor.EventExited)) > 0 })
	}
	_ = unix.Kill(m.PID, unix.SIGCONT)
	if now := who(t, ctx, other); now != m {
		t.Errorf("the other one was %+v, and is %+v", m, now)
	}
	if m := who(t, ctx, bad); m.Incarnation != 2 {
		t.Errorf("the bad one: %+v", m)
	}
	over := slices.DeleteFunc(r.all(), func(e supervisor.Event) bool { return e.Kind != supervisor.EventOverrun })
	if len(over) != 1 || over[0].Child != "bad" || !strings.Contains(over[0].Text, "frames that wait for another process") {
		t.Errorf("%v", over)
	}
}

// TestSocketsThatLinger: a process sends sockets whose close waits for ten minutes. The
// root closes them, and still answers; and it ends in time.
func TestSocketsThatLinger(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	bad, other := startNode(t, ctx, sup, supervisor.Child{Name: "bad"}), startNode(t, ctx, sup, supervisor.Child{Name: "other"})
	begun := time.Now()
	if _, err := actor.Ask(ctx, bad, Flood{What: "sockets that linger", N: 3, Other: other}); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, bad, Relay{To: other}); err != nil { // what it has sent before that was handled
		t.Fatal(err)
	}
	if n := len(sup.Children()); n != 2 {
		t.Errorf("%d children", n)
	}
	sup.Shutdown()
	if d := time.Since(begun); d > time.Minute {
		t.Errorf("it took %v", d)
	}
}
