package supervisor_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestReplaceByAnotherBuild: a program built from other sources takes over, with
// a state that it brings up to date; one with other messages or another state is
// refused, and the old process goes on.
func TestReplaceByAnotherBuild(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		testutil.Refused(t, err)
	}
	dir := t.TempDir()
	build := func(tag string) string {
		program := filepath.Join(dir, tag)
		cmd := exec.Command(tool, "build", "-tags", tag, "-o", program, "./testdata/replaced")
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
	actor.OnHandover(s, func(*actor.Context) (Steps, error) { return n, nil })
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
		for range 50 {
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
	}
	n, err := actor.Ask(ctx, ref, Sent{})
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, ctx, to)
	for got.Last["forwarder"] != n.N && ctx.Err() == nil { // another sender's messages are no earlier than this ask
		got = read(t, ctx, to)
	}
	if len(got.Wrong) > 0 {
		t.Fatalf("%+v of %d", got, n.N)
	}
}
