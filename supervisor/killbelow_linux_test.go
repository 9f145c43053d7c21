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
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// What is done to a child whose supervisor, in a process of its own, was stopped by a
// signal.

// kill is sup.Kill, which must come to an end.
func kill(t *testing.T, ctx context.Context, sup *supervisor.Supervisor, id uint32) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- sup.Kill(id) }()
	select {
	case err := <-done:
		if ctx.Err() != nil {
			t.Fatal("Kill comes to no end: ", err)
		}
		return err
	case <-ctx.Done():
		t.Fatal("Kill does not return")
		panic("unreachable")
	}
}

// shortTimes keeps the root of this test from waiting for long for what is stopped,
// unless the times that users have are asked for.
func shortTimes(t *testing.T) {
	if testutil.Rounds(0, 1) == 0 {
		t.Cleanup(supervisor.SetTimes(100*time.Millisecond, 20*time.Millisecond))
	}
}

// halt stops a process by a signal, and returns when it has stopped.
func halt(t *testing.T, ctx context.Context, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	for !stopped(pid) && ctx.Err() == nil {
	}
}

// TestKillBelowStopped: Kill needs nothing of the child's supervisor. That restarts
// the child when it goes on, and the message in hand is handled again.
func TestKillBelowStopped(t *testing.T) {
	testutil.Audit(t)
	inHand := filepath.Join(t.TempDir(), "in-hand")
	if err := syscall.Mkfifo(inHand, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	ctx, sup, r := newSup(t, supervisor.Spec{})
	if _, err := supervisor.StartSubtree(ctx, sup, lower, supervisor.Child{Stderr: io.Discard, Env: []string{inHandVar + "=" + inHand}}); err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.Find(sup, witness, "lower/0")
	if err != nil {
		t.Fatal(err)
	}
	was, err := actor.Ask(ctx, ref, Swear{})
	if err != nil {
		t.Fatal(err)
	}
	paperInHand(t, ctx, ref, inHand)
	middle := pidOf(t, sup, "lower")
	halt(t, ctx, middle)
	if err := kill(t, ctx, sup, ref.ID); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); !errors.Is(err, supervisor.ErrNotRunning); { // when its last thread has ended
		if err = kill(t, ctx, sup, ref.ID); err != nil && !errors.Is(err, supervisor.ErrNotRunning) {
			t.Fatal(err)
		}
	}
	if alive(was.PID) {
		t.Error("it is alive, and is said not to run")
	}
	if err := syscall.Kill(middle, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	got, err := actor.Ask(ctx, ref, Swear{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Incarnation != 2 || !slices.Equal(got.Papers, []int{1, 2}) {
		t.Errorf("%+v; want incarnation 2 with papers 1 and 2", got)
	}
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited && (!e.Exit.Asked || e.Exit.Signal != syscall.SIGKILL || e.PID != was.PID) {
			t.Errorf("%v: %+v; want the end by SIGKILL that was asked for", e, e.Exit)
		}
	}
	if got, want := r.kinds(supervisor.EventExited, supervisor.EventRestarting),
		[]string{"exited lower/0", "restarting lower/0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// TestKillCommandBelowStopped: of a command its guardian ends all that it has started.
func TestKillCommandBelowStopped(t *testing.T) {
	testutil.Audit(t)
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, _, _ := startPair(t, ctx, sup, supervisor.Child{})
	file := filepath.Join(t.TempDir(), "pid")
	id, err := supervisor.StartCommand(ctx, sub, supervisor.Command{Path: "sh",
		Args:  []string{"-c", "sleep 1000 & echo $! >" + file + ".tmp; mv " + file + ".tmp " + file + "; wait"},
		Ready: supervisor.Ready{File: file}}, supervisor.Child{Name: "c", Restart: supervisor.Temporary})
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if b, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	} else if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	middle := pidOf(t, sup, "pair")
	halt(t, ctx, middle)
	if err := kill(t, ctx, sup, id); err != nil {
		t.Fatal(err)
	}
	for alive(pid) && ctx.Err() == nil {
	}
	if ctx.Err() != nil {
		t.Error("what the command has started lives")
	}
}

// TestKillInPlaceBelowStopped: what is a part of a stopped process cannot be ended alone.
// The error says what to do.
func TestKillInPlaceBelowStopped(t *testing.T) {
	testutil.Audit(t)
	shortTimes(t)
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, _, _ := startPair(t, ctx, sup, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "c", InPlace: true})
	if err != nil {
		t.Fatal(err)
	}
	middle := pidOf(t, sup, "pair")
	halt(t, ctx, middle)
	if err := kill(t, ctx, sup, ref.ID); !errors.Is(err, supervisor.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	if list := sub.Children(); list != nil {
		t.Errorf("%+v", list)
	}
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNoAnswer) || !strings.Contains(err.Error(), "pair") {
		t.Errorf("%v", err)
	}
}

// TestWatchdogBelowStopped: an actor that hangs is killed also when its supervisor
// cannot do it. How it has ended is known when that goes on.
func TestWatchdogBelowStopped(t *testing.T) {
	testutil.Audit(t)
	shortTimes(t)
	ctx, sup, r := newSup(t, supervisor.Spec{})
	sub, _, _ := startPair(t, ctx, sup, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sub, node, supervisor.Child{Name: "c", Watchdog: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	pid := who(t, ctx, ref).PID
	middle := pidOf(t, sup, "pair")
	halt(t, ctx, middle)
	go actor.Ask(ctx, ref, Hold{})
	for alive(pid) && ctx.Err() == nil {
	}
	if err := syscall.Kill(middle, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, ref); m.Incarnation != 2 {
		t.Errorf("%+v", m)
	}
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited && e.Exit.Kind != actor.ExitWatchdog {
			t.Errorf("%+v", e.Exit)
		}
	}
}

// TestEndOfStopped: a supervisor's process that was stopped by a signal holds up the end of
// everything no longer than its Shutdown or its MaxStopped says.
func TestEndOfStopped(t *testing.T) {
	for name, c := range map[string]supervisor.Child{"Shutdown": {Shutdown: 200 * time.Millisecond}, "MaxStopped": {MaxStopped: 200 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{})
			_, a, _ := startPair(t, ctx, sup, c)
			below := who(t, ctx, a).PID
			halt(t, ctx, pidOf(t, sup, "pair"))
			sup.Shutdown()
			if alive(below) {
				t.Errorf("%d is alive", below)
			}
			if got := r.kinds(supervisor.EventKilled); !slices.Contains(got, "killed pair") {
				t.Errorf("%q", got)
			}
		})
	}
}
