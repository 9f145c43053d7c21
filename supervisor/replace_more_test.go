package supervisor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// replaceTest is a tally that is going to be replaced.
type replaceTest struct {
	*testing.T
	ctx    context.Context
	sup    *supervisor.Supervisor
	over   *supervisor.Supervisor // the tally
	events *recorder
	ref    actor.Ref[Tally]
	file   string // the pipe at which the tally waits
	before Standing
}

func newReplaceTest(t *testing.T, at place, spec supervisor.Spec, child supervisor.Child, how string) *replaceTest {
	t.Helper()
	testutil.Audit(t)
	r := &replaceTest{T: t, file: newPipe(t)}
	r.ctx, r.sup, r.events = newSup(t, spec)
	child.Env = append(child.Env, "TALLY="+how, "TALLY_FILE="+r.file)
	r.over, r.ref = at(t, r.ctx, r.sup, spec, child)
	if err := actor.Tell(r.ctx, r.ref, Item{From: "t", Seq: 1}); err != nil {
		t.Fatal(err)
	}
	r.before = read(t, r.ctx, r.ref)
	return r
}

// newPipe makes a named pipe at which actors can wait.
func newPipe(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "go on")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// goOn lets all go on that wait at the pipe, now or later.
func (r *replaceTest) goOn() {
	r.Helper()
	f, err := os.OpenFile(r.file, os.O_RDWR, 0)
	if err == nil {
		r.Cleanup(func() { f.Close() })
		_, err = f.Write(make([]byte, 64))
	}
	if err != nil {
		r.Error(err)
	}
}

// atPipe returns when somebody waits at the pipe.
func (r *replaceTest) atPipe() {
	r.Helper()
	for {
		f, err := os.OpenFile(r.file, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			r.Cleanup(func() { f.Close() }) // who waits would find the pipe at its end
			return
		}
		if !errors.Is(err, syscall.ENXIO) || r.ctx.Err() != nil {
			r.Fatal(err)
		}
		runtime.Gosched()
	}
}

// begin begins a replacement and waits until a successor runs.
func (r *replaceTest) begin() <-chan error {
	r.Helper()
	done := make(chan error, 1)
	go func() { done <- r.sup.Replace(r.ctx, r.ref.ID, supervisor.Replacement{}) }()
	r.events.until(r, r.ctx, "a successor", func() bool { return len(r.events.kinds(supervisor.EventReplacing)) > 0 })
	return done
}

// successor is the process of the last successor.
func (r *replaceTest) successor() (pid int) {
	for _, e := range r.events.all() {
		if e.Kind == supervisor.EventReplacing {
			pid = e.PID
		}
	}
	return pid
}

func (r *replaceTest) check(want Standing) {
	r.Helper()
	got := read(r, r.ctx, r.ref)
	if got.Incarnation != want.Incarnation || got.Setups != want.Setups || got.Last["t"] != want.Last["t"] || len(got.Wrong) > 0 {
		r.Fatalf("%+v, want %+v", got, want)
	}
	for _, pid := range []int{r.before.PID, r.successor()} {
		if pid != got.PID && alive(pid) {
			r.Fatalf("process %d lives, beside %d", pid, got.PID)
		}
	}
}

func one(n int) map[string]int { return map[string]int{"t": n} }

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
	if r.sup.Restarts() != 1 {
		t.Error(r.sup.Restarts())
	}
	r.sup.Shutdown()
}

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

// TestReplaceAll: a whole tree, one by one, by another binary. Restarts use it,
// too, and a child that was stopped.
func TestReplaceAll(t *testing.T) {
	child := func(name string) supervisor.Child {
		return supervisor.Child{Name: name, Actor: node, Stderr: io.Discard}
	}
	ctx, sup, r := newSup(t, supervisor.Spec{Children: []supervisor.Child{
		child("a"),
		{Name: "b", Supervisor: &supervisor.Spec{Children: []supervisor.Child{child("c"), child("d")}}},
		child("e"), child("f"),
	}})
	find := func(path string) actor.Ref[Node] {
		ref, err := supervisor.Find(sup, node, path)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	if err := sup.Terminate(ctx, find("e").ID); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "next")
	copyFile(t, os.Args[0], program)
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{Path: program}); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, k := range r.kinds(supervisor.EventReplaced) {
		order = append(order, strings.TrimPrefix(k, "replaced "))
	}
	if want := []string{"a", "b/c", "b/d", "f"}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	if err := sup.Restart(ctx, find("e").ID); err != nil {
		t.Fatal(err)
	}
	if err := sup.Kill(find("a").ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"a", "b/c", "b/d", "e", "f"} {
		m := who(t, ctx, find(path))
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", m.PID)); err != nil || exe != program {
			t.Errorf("%s runs %s, %v", path, exe, err)
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReplacementValidate: what cannot be is said at once.
func TestReplacementValidate(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	err := sup.Replace(ctx, ref.ID, supervisor.Replacement{Path: "/nonexistent/program", Timeout: -7})
	if err == nil || !strings.Contains(err.Error(), "Replacement.Path") || !strings.Contains(err.Error(), "Replacement.Timeout") {
		t.Fatal(err)
	}
	if err := sup.Replace(ctx, 99, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNotFound) {
		t.Fatal(err)
	}
	var re *supervisor.ReplaceError
	if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{Path: "/bin/false"}); !errors.As(err, &re) || re.Step != "start" {
		t.Fatal(err)
	}
	if m := who(t, ctx, ref); m.Incarnation != 1 {
		t.Fatalf("%+v", m)
	}
}
