package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// place starts a tally somewhere, and says whose child it is. spec says how many
// restarts it may have.
type place func(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, spec supervisor.Spec, c supervisor.Child) (*supervisor.Supervisor, actor.Ref[Tally])

func atRoot(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, _ supervisor.Spec, c supervisor.Child) (*supervisor.Supervisor, actor.Ref[Tally]) {
	t.Helper()
	return sup, startTally(t, ctx, sup, c)
}

// everywhere runs a test of replacements for a child of the root, and for one of
// a supervisor in a process of its own.
func everywhere(t *testing.T, test func(t *testing.T, at place)) {
	t.Run("root", func(t *testing.T) { test(t, atRoot) })
	t.Run("subtree", func(t *testing.T) { test(t, belowOffice) })
}

// office is a supervisor for tallies; its environment says which.
var office = supervisor.Define("office", func() (spec supervisor.Spec, err error) {
	fmt.Sscan(os.Getenv("OFFICE_INTENSITY"), &spec.Intensity)
	for _, name := range []string{"a", "b"} {
		if os.Getenv("OFFICE_TALLIES") != "" {
			spec.Children = append(spec.Children, supervisor.Child{Name: name, Actor: tally})
		}
	}
	return spec, nil
})

// belowOffice starts a tally below a supervisor in a process of its own.
func belowOffice(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, spec supervisor.Spec, c supervisor.Child) (*supervisor.Supervisor, actor.Ref[Tally]) {
	t.Helper()
	stderr := c.Stderr
	if stderr == nil {
		stderr = io.Discard
	}
	c.Stderr = nil // it is that of its supervisor's process
	sub, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: stderr, Env: []string{fmt.Sprint("OFFICE_INTENSITY=", spec.Intensity)}})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.StartChild(ctx, sub, tally, c)
	if err != nil {
		t.Fatal(err)
	}
	return sub, ref
}

// TestReplaceBelowSubtreeUnderTraffic: what TestReplaceUnderTraffic says, for a
// child of a supervisor in a process of its own.
func TestReplaceBelowSubtreeUnderTraffic(t *testing.T) {
	for _, form := range lane.Probe() {
		t.Run(form.Form.Name, func(t *testing.T) {
			if form.Err != nil {
				testutil.Refused(t, form.Err)
			}
			rounds := testutil.Rounds(2, 100)
			if form.Form.Name == "ring" {
				rounds = testutil.Rounds(6, 100)
			}
			replaceUnderTraffic(t, belowOffice, rounds, supervisor.Child{Mailbox: mailbox.Config{Queue: form.Form.Name}})
		})
	}
}

// TestReplaceAllWithSubtree: a whole tree, over supervisors in processes of their
// own, one by one and in order. Those go on; what they start after that, or when
// they are restarted themselves, is from the new program, and so are they.
func TestReplaceAllWithSubtree(t *testing.T) {
	testutil.Threads(t, 256)
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 10, Children: []supervisor.Child{listed("first")}})
	env := tree("deep")
	sub, err := supervisor.StartSubtree(ctx, sup, variable, env)
	if err != nil {
		t.Fatal(err)
	}
	startNode(t, ctx, sup, supervisor.Child{Name: "last"})
	deep := []string{"tree/a", "tree/pair/a", "tree/pair/b", "tree/here/c"}
	middle := pidOf(t, sup, "tree")
	program := filepath.Join(t.TempDir(), "next")
	copyFile(t, os.Args[0], program)
	if err := sup.ReplaceAll(ctx, supervisor.Replacement{Path: program}); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, k := range r.kinds(supervisor.EventReplaced) {
		order = append(order, strings.TrimPrefix(k, "replaced "))
	}
	if want := slices.Concat([]string{"first"}, deep, []string{"last"}); !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	runs := func(pid int, want string) {
		t.Helper()
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != want {
			t.Errorf("%d runs %s, want %s: %v", pid, exe, want, err)
		}
	}
	runs(middle, os.Args[0])
	a := find(t, sub, "a")
	if err := sup.Kill(a.ID); err != nil {
		t.Fatal(err)
	}
	runs(who(t, ctx, a).PID, program)
	if n := sup.Restarts(); n != 1 {
		t.Errorf("%d restarts", n)
	}
	if err := syscall.Kill(middle, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	untilRestarted(t, ctx, r, "tree")
	for i, path := range deep {
		m := who(t, ctx, find(t, sup, path))
		if runs(m.PID, program); m.Incarnation != 3+btoi(i == 0) {
			t.Errorf("%s: %+v", path, m)
		}
	}
	runs(pidOf(t, sup, "tree"), program)
	newer := filepath.Join(t.TempDir(), "newer") // while it does not run
	copyFile(t, os.Args[0], newer)
	if err := errors.Join(sup.Terminate(ctx, sub.ID()), sup.ReplaceAll(ctx, supervisor.Replacement{Path: newer}), sup.Restart(ctx, sub.ID())); err != nil {
		t.Fatal(err)
	}
	for _, path := range deep {
		runs(who(t, ctx, find(t, sup, path)).PID, newer)
	}
	runs(pidOf(t, sup, "tree"), newer)
	here, err := sup.Below("tree/here") // of a supervisor that does not run, in a process that does
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sub.Terminate(ctx, here.ID()), sup.ReplaceAll(ctx, supervisor.Replacement{Path: program}), sub.Restart(ctx, here.ID())); err != nil {
		t.Fatal(err)
	}
	runs(who(t, ctx, find(t, sup, "tree/here/c")).PID, program)
	added, err := supervisor.StartChild(ctx, here, node, supervisor.Child{Name: "added"})
	if err != nil || find(t, sup, "tree/here/added") != added {
		t.Error(err)
	}
	if err := errors.Join(here.Terminate(ctx, added.ID), here.Restart(ctx, added.ID), here.Terminate(ctx, added.ID), here.Delete(ctx, added.ID)); err != nil {
		t.Error(err)
	}
}

// untilRestarted waits for the second incarnation of a child.
func untilRestarted(t *testing.T, ctx context.Context, r *recorder, name string) {
	t.Helper()
	r.until(t, ctx, "the restart of "+name, func() bool {
		return slices.ContainsFunc(r.all(), func(e supervisor.Event) bool {
			return e.Child == name && e.Kind == supervisor.EventReady && e.Incarnation == 2
		})
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestRestartedWithItsProgram: a child that was replaced by another program is
// from that also when its supervisor's process, which is not, is restarted.
func TestRestartedWithItsProgram(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 10})
	sub, a, b := startPair(t, ctx, sup, supervisor.Child{})
	program := filepath.Join(t.TempDir(), "next")
	copyFile(t, os.Args[0], program)
	if err := sup.Replace(ctx, a.ID, supervisor.Replacement{Path: program}); err != nil {
		t.Fatal(err)
	}
	if err := sup.Kill(sub.ID()); err != nil {
		t.Fatal(err)
	}
	untilRestarted(t, ctx, r, "pair")
	for ref, want := range map[actor.Ref[Node]]string{a: program, b: os.Args[0]} {
		m := who(t, ctx, ref)
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", m.PID)); err != nil || exe != want {
			t.Errorf("%+v runs %s, want %s: %v", m, exe, want, err)
		}
	}
}

// TestKillsWhileReplacingBelowSubtree: the process of the supervisor, the old
// process or the new one is killed at random moments of replacements under
// traffic. What is handled is handled in order; nothing is lost but what was in
// hand at a kill, which is a dead letter, and nothing is handled twice but such.
func TestKillsWhileReplacingBelowSubtree(t *testing.T) {
	testutil.Audit(t)
	ledger := filepath.Join(t.TempDir(), "ledger")
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 1 << 20})
	_, err := supervisor.StartSubtree(ctx, sup, office, supervisor.Child{Stderr: io.Discard,
		Env: []string{"OFFICE_INTENSITY=1000000", "OFFICE_TALLIES=1", "TALLY_LEDGER=" + ledger}})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := supervisor.Find(sup, tally, "office/a")
	if err != nil {
		t.Fatal(err)
	}
	stop, sent := make(chan struct{}), make(chan Carried, 1)
	go func() { sent <- tellOnly(ctx, ref, stop) }()
	kills := 0
	for range testutil.Rounds(8, 600) {
		kills += killWhileReplacing(t, ctx, sup, r, ref)
	}
	close(stop)
	c := <-sent
	if c.Err != "" {
		t.Fatal(c.Err)
	}
	read(t, ctx, ref) // after all of them
	sup.Shutdown()
	checkLedger(t, ledger, c.Sent, kills, int(sup.DeadLetters()))
	replaced := len(r.kinds(supervisor.EventReplaced))
	t.Logf("%d messages, %d kills, %d replacements, %d dead letters", c.Sent, kills, replaced, sup.DeadLetters())
}

// tellOnly sends numbered messages until it is told to stop.
func tellOnly(ctx context.Context, to actor.Ref[Tally], stop <-chan struct{}) (c Carried) {
	for {
		select {
		case <-stop:
			return c
		default:
		}
		if err := actor.Tell(ctx, to, Item{From: "root", Seq: c.Sent + 1}); err != nil {
			c.Err = err.Error()
			return c
		}
		c.Sent++
	}
}

// killWhileReplacing replaces ref three times, and kills one of the processes that
// have part in it at one of the next events. It says how many it has killed.
func killWhileReplacing(t *testing.T, ctx context.Context, sup *supervisor.Supervisor, r *recorder, ref actor.Ref[Tally]) (kills int) {
	t.Helper()
	target, after, killed := rand.IntN(3), rand.IntN(8), make(chan int, 1)
	middle, old := pidOf(t, sup, "office"), read(t, ctx, ref).PID
	r.mu.Lock()
	r.look = func(e supervisor.Event) {
		pid := [...]int{middle, old, e.PID}[target]
		if target == 2 && (e.Kind != supervisor.EventReplacing || e.ID != ref.ID) {
			return
		}
		if after--; after == 0 || target == 2 {
			killed <- btoi(syscall.Kill(pid, syscall.SIGKILL) == nil)
			r.look = nil
		}
	}
	r.mu.Unlock()
	for range 3 {
		_ = sup.Replace(ctx, ref.ID, supervisor.Replacement{}) // or not
	}
	r.mu.Lock()
	r.look = nil
	r.mu.Unlock()
	select {
	case kills = <-killed:
	default:
	}
	return kills
}

// checkLedger checks what an actor has noted of n messages.
func checkLedger(t *testing.T, name string, n, kills, letters int) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	last, missing, again := 0, 0, 0
	for line := range strings.Lines(string(text)) {
		seq, err := strconv.Atoi(strings.TrimSpace(line))
		switch {
		case err != nil:
			t.Fatal(err)
		case seq == last:
			again++
		case seq < last:
			t.Fatalf("%d after %d", seq, last)
		default:
			missing += seq - last - 1
		}
		last = seq
	}
	missing += n - last
	if missing > letters || again > kills || letters > kills {
		t.Errorf("%d of %d messages are missing, %d were handled twice, %d are dead letters, after %d kills", missing, n, again, letters, kills)
	}
}

// TestSuccessorEndsWithSubtree: when the process of the supervisor is killed during
// a replacement, the old and the new process are gone before the next incarnation
// of the supervisor is started, also those that a signal has stopped.
func TestSuccessorEndsWithSubtree(t *testing.T) {
	testutil.Audit(t)
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 10})
	sub, a, _ := startPair(t, ctx, sup, supervisor.Child{})
	middle, old, next := pidOf(t, sup, "pair"), who(t, ctx, a).PID, 0
	r.mu.Lock()
	r.look = func(e supervisor.Event) { // while the root's loop waits
		switch {
		case e.Kind == supervisor.EventReplacing:
			next = e.PID
			for _, pid := range []int{next, old} {
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
			_ = syscall.Kill(middle, syscall.SIGKILL)
		case e.Kind == supervisor.EventStarting && e.Child == "pair" && (alive(old) || alive(next)):
			t.Errorf("one of %d and %d is alive when the replacement of %d is started", old, next, middle)
		}
	}
	r.mu.Unlock()
	if err := sup.Replace(ctx, a.ID, supervisor.Replacement{}); !errors.Is(err, supervisor.ErrNotRunning) {
		t.Error(err)
	}
	untilRestarted(t, ctx, r, "pair")
	if m := who(t, ctx, find(t, sub, "a")); m.Incarnation != 3 || m.PID == next {
		t.Errorf("%+v", m)
	}
	if got := r.kinds(supervisor.EventAbandoned); !slices.Equal(got, []string{"abandoned pair/a"}) {
		t.Errorf("%q", got)
	}
	ended := map[int]int{}
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited && e.Child == "pair/a" {
			ended[e.Incarnation] = e.Exit.PID
		}
	}
	if want := map[int]int{1: old, 2: next}; !maps.Equal(ended, want) {
		t.Errorf("the ends of %v are told, want %v", ended, want)
	}
	sup.Shutdown()
}
