package supervisor_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// Spin computes for a while, or for ever.
type Spin struct {
	actor.Asks[Node, Me]
	For time.Duration
}

func spin(c *actor.Context, m Spin) (Me, error) {
	for begin := time.Now(); m.For < 0 || time.Since(begin) < m.For; {
	}
	return Me{os.Getpid(), c.Incarnation()}, nil
}

// until asks the supervisor until f is content.
func until(t *testing.T, ctx context.Context, sup *supervisor.Supervisor, f func(supervisor.ChildInfo) bool) {
	t.Helper()
	for ctx.Err() == nil {
		if slices.ContainsFunc(sup.Children(), f) {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("it does not come")
}

// TestStopped: a child that was stopped by a signal is seen as such, is not
// taken for one that hangs, and goes on when it is continued.
func TestStopped(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Watchdog: 200 * time.Millisecond})
	pid := who(t, ctx, ref).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, sup, func(c supervisor.ChildInfo) bool { return c.Suspended })
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond) // a message waits for longer than the watchdog's time
	defer cancel()
	if _, err := actor.Ask(short, ref, Who{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if m := who(t, ctx, ref); m.PID != pid || m.Incarnation != 1 {
		t.Fatalf("%+v", m)
	}
	until(t, ctx, sup, func(c supervisor.ChildInfo) bool { return !c.Suspended })
	if got := r.kinds(supervisor.EventSuspended, supervisor.EventContinued, supervisor.EventHung); strings.Join(got, ", ") != "suspended node, continued node" {
		t.Fatalf("%q", got)
	}
}

// TestMaxStopped: a child that may not be stopped for long is killed and
// restarted.
func TestMaxStopped(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{MaxStopped: 20 * time.Millisecond})
	m := who(t, ctx, ref)
	ch, _, err := actor.Monitor(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(m.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if x := wait(t, ctx, ch).Exit; x.Kind != actor.ExitWatchdog || x.Signal != syscall.SIGKILL || !strings.Contains(x.Summary, "stopped by a signal") {
		t.Fatalf("%+v", x)
	}
	if m := who(t, ctx, ref); m.Incarnation != 2 {
		t.Fatalf("%+v", m)
	}
	if got := r.kinds(supervisor.EventKilled); len(got) != 1 {
		t.Fatalf("%q", got)
	}
}

// TestMaxStoppedIsNobodysFault: the message that was in hand is not blamed for the
// signal, and is handled again where one death of its own is one too many.
func TestMaxStoppedIsNobodysFault(t *testing.T) {
	holding := make(words, 4)
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{MaxStopped: 20 * time.Millisecond, Shutdown: supervisor.BrutalKill, Stderr: holding, Mailbox: mailbox.Config{Redeliver: 1}})
	pid := who(t, ctx, ref).PID
	answer := make(chan error, 1)
	go func() {
		_, err := actor.Ask(ctx, ref, Hold{})
		answer <- err
	}()
	<-holding
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	select {
	case <-holding:
	case err := <-answer:
		t.Fatal(err)
	}
}

// TestWatchdog: an actor that completes nothing while it has work is made to
// show its goroutines and is killed; its message is quarantined, the next ones
// are handled. Whether it blocks or spins makes no difference.
func TestWatchdog(t *testing.T) {
	for _, queue := range []string{"ring", "posix"} {
		for _, how := range []string{"blocks", "spins"} {
			t.Run(queue+" "+how, func(t *testing.T) {
				allowed(t, queue)
				ctx, sup, r := newSup(t, supervisor.Spec{})
				ref := startNode(t, ctx, sup, supervisor.Child{Watchdog: 200 * time.Millisecond, Mailbox: mailbox.Config{Queue: queue}})
				answer := make(chan error, 1)
				go func() {
					var err error
					if how == "blocks" {
						_, err = actor.Ask(ctx, ref, Hold{})
					} else {
						_, err = actor.Ask(ctx, ref, Spin{For: -1})
					}
					answer <- err
				}()
				err := <-answer
				death := new(actor.DeathError)
				if !errors.As(err, &death) {
					t.Fatal(err)
				}
				x := death.Exit
				if x.Kind != actor.ExitWatchdog || !strings.Contains(x.Summary, "nothing was completed for 200ms") {
					t.Fatalf("%v %s", x.Kind, x.Summary)
				}
				want := "Hold"
				if how == "spins" {
					want = "Spin"
				}
				if !strings.HasSuffix(x.LastMessage, want) || !strings.Contains(x.Stack, "SIGQUIT") || !strings.Contains(x.Stack, "goroutine ") {
					t.Fatalf("last message %q, stack %q", x.LastMessage, x.Stack)
				}
				if m := who(t, ctx, ref); m.Incarnation != 2 {
					t.Fatalf("%+v", m)
				}
				if got := r.kinds(supervisor.EventHung); len(got) != 1 || sup.DeadLetters() != 1 {
					t.Fatalf("%q, %d dead letters", got, sup.DeadLetters())
				}
			})
		}
	}
}

// TestWatchdogKillsTheSilent: an actor that hangs, and shows nothing when it is asked
// to, is killed all the same.
func TestWatchdogKillsTheSilent(t *testing.T) {
	t.Cleanup(supervisor.SetTimes(supervisor.AnswerTime, 10*time.Millisecond))
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 20})
	ref := startNode(t, ctx, sup, supervisor.Child{Watchdog: 50 * time.Millisecond, Env: []string{"NODE_SETUP=ignore SIGQUIT"}, Mailbox: mailbox.Config{Redeliver: 1}})
	_, err := actor.Ask(ctx, ref, Hold{})
	if d := new(actor.DeathError); !errors.As(err, &d) || d.Exit.Kind != actor.ExitWatchdog || d.Exit.Signal != syscall.SIGKILL || !strings.HasSuffix(d.Exit.Summary, "Hold") {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventHung); len(got) != 1 { // which is the message's fault
		t.Errorf("%q", got)
	}
}

// TestWatchdogNoFalseAlarm: an actor that is idle, that is busy with many short
// messages, or that gets no processor for longer than the watchdog's time, is
// not taken for one that hangs.
func TestWatchdogNoFalseAlarm(t *testing.T) {
	const limit = 400 * time.Millisecond
	ctx, sup, r := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{Watchdog: limit})
	pid := who(t, ctx, ref).PID
	// The lowest priority, beside goroutines that want every processor.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, pid, 19); err != nil {
		t.Logf("priority: %v", err)
	}
	stop := make(chan struct{})
	for range 2 * runtime.NumCPU() {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	for begin := time.Now(); time.Since(begin) < 2*limit; {
		if _, err := actor.Ask(ctx, ref, Spin{For: limit / 10}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if got := r.kinds(supervisor.EventHung); len(got) != 0 {
		t.Fatalf("%q", got)
	}
}

// allowed skips a test where the machine refuses a form of queue.
func allowed(t *testing.T, queue string) {
	t.Helper()
	for _, s := range lane.Probe() {
		if s.Form.Name == queue && s.Err != nil {
			testutil.Refused(t, s.Err)
		}
	}
}
