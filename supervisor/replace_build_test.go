package supervisor_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceByAnotherBuild: a program built from other sources takes over, with
// a state that it brings up to date; one with other messages or another state is
// refused, and the old process goes on.
func TestReplaceByAnotherBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it builds two programs, for a user without a build cache all of Go's library with them")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		testutil.Refused(t, err)
	}
	dir := t.TempDir()
	build := func(tag string) string {
		program := filepath.Join(dir, tag)
		cmd := exec.Command(tool, "build", "-buildvcs=false", "-tags", tag, "-o", program, "./testdata/replaced")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return program
	}
	first, second := build("v1"), build("v2")
	check := func(from, to, want string) {
		t.Helper()
		out, err := exec.Command(from, to).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%v\n%s\nwant\n%s", err, out, want)
		}
	}
	check(first, first, "replaced\none 42\n")
	check(first, second, "replaced\ntwo 42\n")
	check(second, first, "incompatible main.StateTwo state=true new=false\ntwo 42\n")
	if testutil.Rounds(2, 3) < 3 {
		return // each build takes seconds
	}
	check(first, build("v3"), "incompatible main.Add state=false new=true\none 42\n")
	check(first, build("v4"), "incompatible main.State state=true new=true\none 42\n")
}

// A Forwarder sends numbered entries to a tally, and is replaced itself.
type Forwarder struct{}

type (
	Step struct {
		actor.Tells[Forwarder]
		To actor.Ref[Tally]
	}
	Sent struct{ actor.Asks[Forwarder, Steps] }
	// Steps is a forwarder's state.
	Steps struct{ N int }
)

var forwarder = actor.Define("forwarder", func(s *actor.Setup[Forwarder]) error {
	var n Steps
	var to actor.Ref[Tally]
	fmt.Sscan(os.Getenv("FORWARDER_TO"), &to.ID)
	if to.ID != 0 && s.Context().Incarnation() > 1 { // it has a lane of its own from now on
		if _, err := actor.Ask(s.Context(), to, Check{From: "setup", Seq: 1}); err != nil {
			return err
		}
	}
	actor.OnHandover(s, func(c *actor.Context) (Steps, error) {
		if to.ID == 0 {
			return n, nil
		}
		sleepUntil(os.Getenv("FORWARDER_FILE"))
		for range 500 {
			n.N++
			if err := actor.Tell(c, to, Item{From: "forwarder", Seq: n.N}); err != nil {
				return n, err
			}
		}
		return n, nil
	})
	actor.OnState(s, func(_ *actor.Context, old Steps) error { n = old; return nil })
	actor.OnTell(s, func(c *actor.Context, m Step) error {
		n.N++
		return actor.Tell(c, m.To, Item{From: "forwarder", Seq: n.N})
	})
	actor.OnAsk(s, func(*actor.Context, Sent) (Steps, error) { return n, nil })
	return nil
})

// TestSenderIsReplaced: what the old process has sent is handled before what the
// new one sends, also when the receiver is behind.
func TestSenderIsReplaced(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	to := startTally(t, ctx, sup, supervisor.Child{})
	ref, err := supervisor.Start(ctx, sup, forwarder)
	if err != nil {
		t.Fatal(err)
	}
	steps := func() {
		for range unread(50) {
			if err := actor.Tell(ctx, ref, Step{To: to}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range testutil.Rounds(5, 100) {
		r := replaceTest{T: t}
		if i%2 == 0 {
			r.file = newPipe(t)
			if err := actor.Tell(ctx, to, Wait{File: r.file}); err != nil {
				t.Fatal(err)
			}
		}
		steps()
		if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
		steps()
		if r.file != "" {
			r.goOn()
		}
		// The receiver catches up: while two incarnations of a sender are unread,
		// the next would find its mailbox full.
		n, err := actor.Ask(ctx, ref, Sent{})
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, ctx, to)
		for got.Last["forwarder"] != n.N && len(got.Wrong) == 0 && ctx.Err() == nil { // another sender's messages are no earlier than this ask
			got = read(t, ctx, to)
		}
		if len(got.Wrong) > 0 {
			t.Fatalf("%+v of %d", got, n.N)
		}
	}
}

// TestSenderIsReplacedUnseen: the receiver is stopped while its sender is
// replaced, and sees what both processes have sent, in lanes that both were
// open before, at once.
func TestSenderIsReplacedUnseen(t *testing.T) {
	for range testutil.Rounds(2, 50) {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		r := replaceTest{T: t, file: newPipe(t)}
		to := startTally(t, ctx, sup, supervisor.Child{Mailbox: mailbox.Config{Queue: "ring"}}) // which holds what both send
		ref, err := supervisor.StartChild(ctx, sup, forwarder, supervisor.Child{Env: []string{fmt.Sprint("FORWARDER_TO=", to.ID), "FORWARDER_FILE=" + r.file}})
		if err != nil {
			t.Fatal(err)
		}
		if err := actor.Tell(ctx, ref, Step{To: to}); err != nil {
			t.Fatal(err)
		}
		now := read(t, ctx, to)
		for now.Last["forwarder"] == 0 && ctx.Err() == nil { // its lane is open before its successor's
			now = read(t, ctx, to)
		}
		done := make(chan error, 1)
		go func() { done <- sup.Replace(ctx, ref.ID, supervisor.Replacement{}) }()
		for now.Last["setup"] == 0 && ctx.Err() == nil {
			now = read(t, ctx, to)
		}
		if err := syscall.Kill(now.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		r.goOn()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for range 500 {
			if err := actor.Tell(ctx, ref, Step{To: to}); err != nil {
				t.Fatal(err)
			}
		}
		n, err := actor.Ask(ctx, ref, Sent{})
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(now.PID, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		for now.Last["forwarder"] != n.N && len(now.Wrong) == 0 && ctx.Err() == nil {
			now = read(t, ctx, to)
		}
		if n.N != 1001 || len(now.Wrong) > 0 {
			t.Fatalf("%+v of %d", now, n.N)
		}
		sup.Shutdown()
	}
}
