package supervisor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestRestartByReason is the table of restart types and reasons. OTP:
// permanent_normal, permanent_abnormal, transient_normal, transient_abnormal,
// temporary_normal, temporary_abnormal.
func TestRestartByReason(t *testing.T) {
	for _, tt := range []struct {
		restart supervisor.Restart
		how     string
		again   bool
	}{
		{supervisor.Permanent, "stop", true}, {supervisor.Permanent, "exit 0", true}, {supervisor.Permanent, "exit 3", true}, {supervisor.Permanent, "panic", true}, {supervisor.Permanent, "kill", true},
		{supervisor.Transient, "stop", false}, {supervisor.Transient, "exit 0", false}, {supervisor.Transient, "exit 3", true}, {supervisor.Transient, "panic", true}, {supervisor.Transient, "kill", true},
		{supervisor.Temporary, "stop", false}, {supervisor.Temporary, "exit 0", false}, {supervisor.Temporary, "exit 3", false}, {supervisor.Temporary, "panic", false}, {supervisor.Temporary, "kill", false},
	} {
		t.Run(fmt.Sprint(tt.restart, " ", tt.how), func(t *testing.T) {
			ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 5})
			ref := startNode(t, ctx, sup, supervisor.Child{Restart: tt.restart})
			ch, _, err := actor.Monitor(ctx, ref)
			if err != nil {
				t.Fatal(err)
			}
			if err := actor.Tell(ctx, ref, Die{How: tt.how}); err != nil {
				t.Fatal(err)
			}
			wait(t, ctx, ch)
			m, err := actor.Ask(ctx, ref, Who{})
			if tt.again {
				if err != nil || m.Incarnation != 2 {
					t.Fatalf("%+v, %v", m, err)
				}
				return
			}
			if g := new(actor.GoneError); !errors.As(err, &g) {
				t.Fatalf("%+v, %v; want a GoneError", m, err)
			}
		})
	}
}

// TestOneForOneEscalation: one restart too many ends the supervisor. OTP:
// one_for_one_escalation.
func TestOneForOneEscalation(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 2, Period: time.Minute})
	a := startNode(t, ctx, sup, supervisor.Child{Name: "a"})
	startNode(t, ctx, sup, supervisor.Child{Name: "b"})
	startNode(t, ctx, sup, supervisor.Child{Name: "c"})
	for range 3 {
		if err := actor.Tell(ctx, a, Die{How: "exit 3"}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-sup.Done():
	case <-ctx.Done():
		t.Fatal("the supervisor did not give up")
	}
	if e := new(supervisor.IntensityError); !errors.As(sup.Err(), &e) || e.Child != "a" || e.Exit.Code != 3 {
		t.Fatal(sup.Err())
	}
	if got, want := r.kinds(supervisor.EventStopping), []string{"stopping c", "stopping b"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	if _, err := supervisor.Start(ctx, sup, node); err == nil {
		t.Fatal("a start after the end worked")
	}
}

// TestZeroIntensity: no restart at all. OTP: intensity 0.
func TestZeroIntensity(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: supervisor.NoRestarts})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	if err := actor.Tell(ctx, ref, Die{How: "panic"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-sup.Done():
	case <-ctx.Done():
		t.Fatal("the supervisor did not give up")
	}
}

// TestOrderOfChildren: reverse start order, one at a time. OTP:
// order_of_children.
func TestOrderOfChildren(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	for i := range 4 {
		startNode(t, ctx, sup, supervisor.Child{Name: fmt.Sprint("n", i)})
	}
	sup.Shutdown()
	want := []string{"stopping n3", "exited n3", "stopping n2", "exited n2", "stopping n1", "exited n1", "stopping n0", "exited n0"}
	if got := r.kinds(supervisor.EventStopping, supervisor.EventExited); !slices.Equal(got, want) {
		t.Fatalf("%q\nwant %q", got, want)
	}
}

// TestShutdownTimeout: a child that does not end in its time is killed, which is reported as
// a shutdown_error; with brutal kill it is not even asked, and that is no error. The others
// end as they are asked to. OTP: sup_stop_timeout, sup_stop_brutal_kill.
func TestShutdownTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		child supervisor.Child
		want  []string
	}{
		"timeout": {supervisor.Child{Env: []string{"NODE_SLOW_STOP=1"}, Shutdown: 50 * time.Millisecond},
			[]string{"stopping last", "exited last", "stopping it", "killed it", "exited it", "shutdown_error it", "stopping first", "exited first"}},
		"brutal kill": {supervisor.Child{Shutdown: supervisor.BrutalKill},
			[]string{"stopping last", "exited last", "killed it", "exited it", "stopping first", "exited first"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{})
			startNode(t, ctx, sup, supervisor.Child{Name: "first"})
			c.child.Name = "it"
			ref := startNode(t, ctx, sup, c.child)
			startNode(t, ctx, sup, supervisor.Child{Name: "last"})
			down, _, err := actor.Monitor(ctx, ref)
			if err != nil {
				t.Fatal(err)
			}
			sup.Shutdown()
			if x := wait(t, ctx, down).Exit; x.Reason != actor.ReasonKilled || x.Signal != syscall.SIGKILL || !x.Asked {
				t.Errorf("%+v", x)
			}
			got := r.kinds(supervisor.EventStopping, supervisor.EventKilled, supervisor.EventExited, supervisor.EventShutdownError)
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			for _, e := range r.all() {
				if e.Kind == supervisor.EventExited && e.Child != "it" && e.Exit.Reason != actor.ReasonShutdown {
					t.Errorf("%s: %+v", e.Child, e.Exit)
				}
			}
		})
	}
}

// TestHandlerThatHoldsIsKilled: a handler that never returns does not hold up
// the shutdown for longer than the child's time.
func TestHandlerThatHoldsIsKilled(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	lines, w := io.Pipe()
	defer w.Close()
	ref := startNode(t, ctx, sup, supervisor.Child{Shutdown: 50 * time.Millisecond, Stderr: w})
	done := make(chan error, 1)
	go func() {
		_, err := actor.Ask(ctx, ref, Hold{})
		done <- err
	}()
	if _, err := bufio.NewReader(lines).ReadString('\n'); err != nil { // it is in hand
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	var gone *actor.GoneError
	var death *actor.DeathError
	if err := <-done; !errors.As(err, &gone) && !errors.As(err, &death) {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventKilled); len(got) != 1 {
		t.Fatal(got)
	}
}

// TestStartFails: the error says why, and the supervisor goes on. OTP:
// sup_start_child_returns_error.
func TestStartFails(t *testing.T) {
	for how, want := range map[string]string{"fail": "no socket to sit on", "exit": "exit status 9", "hang": "did not return within"} {
		t.Run(how, func(t *testing.T) {
			ctx, sup, _ := newSup(t, supervisor.Spec{})
			limit := supervisor.Infinity
			if how == "hang" {
				limit = 300 * time.Millisecond
			}
			_, err := supervisor.StartChild(ctx, sup, node, supervisor.Child{Env: []string{"NODE_SETUP=" + how}, Start: limit, Stderr: io.Discard})
			if se := new(supervisor.StartError); !errors.As(err, &se) || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v, want %q", err, want)
			}
			who(t, ctx, startNode(t, ctx, sup, supervisor.Child{}))
			if n := len(sup.Children()); n != 1 {
				t.Fatalf("%d children", n)
			}
		})
	}
}

// TestRestartFailsOnce: a start that fails during a restart is tried again and
// counts. OTP: sup_start_restart_child_returns_error.
func TestRestartFailsOnce(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 3, Period: time.Minute})
	ref := startNode(t, ctx, sup, supervisor.Child{Env: []string{"NODE_SETUP=second"}})
	if err := actor.Tell(ctx, ref, Die{How: "exit 3"}); err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, ref); m.Incarnation != 3 {
		t.Fatalf("%+v", m)
	}
}

// TestOneForAll and TestRestForOne. OTP: one_for_all, rest_for_one.
func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		strategy supervisor.Strategy
		want     []int // incarnations of a, b, c after the death of b
	}{
		{supervisor.OneForOne, []int{1, 2, 1}}, {supervisor.OneForAll, []int{2, 2, 2}}, {supervisor.RestForOne, []int{1, 2, 2}},
	} {
		t.Run(tt.strategy.String(), func(t *testing.T) {
			ctx, sup, r := newSup(t, supervisor.Spec{Strategy: tt.strategy})
			var refs []actor.Ref[Node]
			for _, name := range []string{"a", "b", "c"} {
				refs = append(refs, startNode(t, ctx, sup, supervisor.Child{Name: name}))
			}
			ch, _, err := actor.Monitor(ctx, refs[1])
			if err != nil {
				t.Fatal(err)
			}
			if err := actor.Tell(ctx, refs[1], Die{How: "panic"}); err != nil {
				t.Fatal(err)
			}
			wait(t, ctx, ch)
			who(t, ctx, refs[1])
			ready := len(refs)
			for _, n := range tt.want {
				ready += n - 1
			}
			for len(r.kinds(supervisor.EventReady)) < ready && ctx.Err() == nil {
				who(t, ctx, refs[1])
			}
			for i, ref := range refs {
				if m := who(t, ctx, ref); m.Incarnation != tt.want[i] {
					t.Fatalf("child %d: %+v, want incarnation %d", i, m, tt.want[i])
				}
			}
		})
	}
}

// TestGrandchildDiesWithItsGroup: what a child has started ends with it.
func TestGrandchildDiesWithItsGroup(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	f, err := actor.Ask(ctx, ref, Fork{})
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, ref, Die{How: "exit 0"}); err != nil {
		t.Fatal(err)
	}
	who(t, ctx, ref)
	for alive(f.PID) {
		if ctx.Err() != nil {
			t.Fatal("the grandchild lives")
		}
	}
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// TestMonitorAfterLastMessage: the notice comes after the last message of the
// actor that died, and exactly once. OTP: MON case_1, mon_1.
func TestMonitorAfterLastMessage(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	watcher := startNode(t, ctx, sup, supervisor.Child{Name: "watcher"})
	for round := range 10 {
		name := fmt.Sprint("sender", round)
		sender := startNode(t, ctx, sup, supervisor.Child{Name: name, Restart: supervisor.Temporary})
		if _, err := actor.Ask(ctx, watcher, Watch{Other: sender}); err != nil {
			t.Fatal(err)
		}
		ch, _, err := actor.Monitor(ctx, sender)
		if err != nil {
			t.Fatal(err)
		}
		const n = 500
		if _, err := actor.Ask(ctx, sender, Pass{To: watcher, N: n}); err == nil {
			t.Fatal("a dead actor answered")
		}
		if d := wait(t, ctx, ch); d.Exit.Code != 4 {
			t.Fatalf("%+v", d)
		}
		var l Entries
		for len(l.Lines) < (n+1)*(round+1) {
			if l, err = actor.Ask(ctx, watcher, Log{}); err != nil {
				t.Fatal(err)
			}
		}
		mine := l.Lines[(n+1)*round:]
		for i := range n {
			if mine[i] != strconv.Itoa(i) {
				t.Fatalf("round %d: line %d is %q", round, i, mine[i])
			}
		}
		if want := fmt.Sprintf("down %d: exit status 4", sender.ID); mine[n] != want {
			t.Fatalf("round %d: last line is %q, want %q", round, mine[n], want)
		}
	}
}

// TestMonitorGone: a monitor of what has ended fires at once. OTP: MON case_2.
func TestMonitorGone(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Restart: supervisor.Temporary})
	if err := actor.Tell(ctx, ref, Die{How: "exit 3"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ch, cancel, err := actor.Monitor(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		if d := wait(t, ctx, ch); d.Exit.Code != 3 {
			t.Fatalf("%+v", d)
		}
		cancel()
	}
}

// TestMonitors: several monitors of one actor are independent, and each fires once; one
// that was taken back does not. OTP: MON mon_1, mon_2, demon_1, demon_2, demon_3.
func TestMonitors(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 5})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	place := func() (<-chan actor.Down, func()) {
		ch, cancel, err := actor.Monitor(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		return ch, cancel
	}
	die := func(incarnation int, chs ...<-chan actor.Down) {
		tell(t, ctx, ref, "exit 3")
		for i, ch := range chs {
			if d := wait(t, ctx, ch); d.ID != ref.ID || d.Exit.Incarnation != incarnation || d.Exit.Code != 3 {
				t.Errorf("monitor %d: %+v", i, d)
			}
		}
		who(t, ctx, ref)
	}
	a, cancelA := place()
	b, _ := place()
	taken, cancel := place()
	cancel()
	cancel()
	die(1, a, b)
	cancelA() // it has fired
	c, _ := place()
	die(2, c)
	for i, ch := range []<-chan actor.Down{a, b, taken, c} {
		select {
		case d := <-ch:
			t.Errorf("monitor %d has fired once more: %+v", i, d)
		default:
		}
	}
	unknown, _, err := actor.Monitor(ctx, actor.Ref[Node]{ID: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if d := wait(t, ctx, unknown); d.Exit.Reason != actor.ReasonNoProc {
		t.Errorf("of nobody: %+v", d)
	}
}

// TestTerminate: what was terminated does not come back. OTP: child_adm.
func TestTerminate(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, ref, Who{}); err == nil {
		t.Fatal("a terminated actor answered")
	}
	if err := actor.Tell(ctx, ref, Die{}); err == nil {
		t.Fatal("a tell to a terminated actor worked")
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatalf("the second Terminate: %v", err) // idempotent, as in OTP
	}
	if err := sup.Terminate(ctx, 999); err == nil {
		t.Fatal("a child that does not exist was terminated")
	}
}

// TestInPlace: the same actor in this process has the same semantics.
func TestInPlace(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 10})
	ref := startNode(t, ctx, sup, supervisor.Child{InPlace: true})
	if m := who(t, ctx, ref); m.PID != os.Getpid() || m.Incarnation != 1 {
		t.Fatalf("%+v", m)
	}
	ch, _, err := actor.Monitor(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, ref, Die{How: "panic"}); err != nil {
		t.Fatal(err)
	}
	if x := wait(t, ctx, ch).Exit; x.Kind != actor.ExitPanic || x.PID != os.Getpid() || x.Summary != "panic: node was told to" || x.Runtime <= 0 {
		t.Fatalf("%+v", x)
	}
	if m := who(t, ctx, ref); m.Incarnation != 2 {
		t.Fatalf("%+v", m)
	}
	if ch, _, err = actor.Monitor(ctx, ref); err != nil {
		t.Fatal(err)
	}
	tell(t, ctx, ref, "stop")
	if x := wait(t, ctx, ch).Exit; x.Kind != actor.ExitNormal || x.PID != os.Getpid() || x.Summary != "exit status 0" || x.Runtime <= 0 {
		t.Fatalf("%+v", x)
	}
	if sup.DeadLetters() != 1 {
		t.Fatalf("%d dead letters", sup.DeadLetters())
	}
}

// TestFullPolicies: fail says so, drop counts, wait waits.
func TestFullPolicies(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	for name, full := range map[string]mailbox.Full{"wait": mailbox.Wait, "fail": mailbox.Fail, "drop": mailbox.Drop} {
		t.Run(name, func(t *testing.T) {
			ref := startNode(t, ctx, sup, supervisor.Child{Name: name, Shutdown: supervisor.BrutalKill, Mailbox: mailbox.Config{RingBytes: 4096, Full: full}})
			go actor.Ask(ctx, ref, Hold{})
			send := ctx
			if full == mailbox.Wait { // there is no room for ever
				short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				send = short
			}
			var err error
			dropped := sup.Traffic().Dropped
			// Until Hold is in hand, messages may be handled as fast as they come.
			for n := 0; err == nil && sup.Traffic().Dropped == dropped; n++ {
				err = actor.Tell(send, ref, Mark{Seq: n})
			}
			switch full {
			case mailbox.Wait:
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
			case mailbox.Fail:
				if !errors.Is(err, actor.ErrFull) {
					t.Fatal(err)
				}
			case mailbox.Drop:
				if err != nil { // and the loop has ended
					t.Fatal(err)
				}
			}
			if err := sup.Terminate(ctx, ref.ID); err != nil {
				t.Fatal(err)
			}
		})
	}
}
