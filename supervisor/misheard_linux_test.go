package supervisor_test

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestLostFrameEndsItsSender: a process that opens a lane while the supervisor
// has no descriptors left does not go on as if there were that lane: it is
// killed, an event names the limit, a dead letter stands for what was in the lane,
// and its successor's lane works.
func TestLostFrameEndsItsSender(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	defer restore()
	killed, lost := make(chan string, 100), make(chan supervisor.Letter, 100)
	ctx, sup, _ := newSupOn(t, supervisor.Spec{Intensity: 100, OnLetter: func(l supervisor.Letter) { lost <- l }}, func(e supervisor.Event) {
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
	if l := <-lost; l.Reason != supervisor.LetterLost || l.From != talker.ID || l.To != holder.ID || !strings.Contains(l.Text, "RLIMIT_NOFILE") {
		t.Errorf("%+v", l)
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
// a new lane of its own, whoever sends is told so, or the message is handled. What is
// lost for good with a frame of its own link names the limit, too.
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
		for what, err := range map[string]error{"Tell": told, "Ask": err} {
			if l := (*transport.LimitError)(nil); err != nil && (!errors.As(err, &l) || l.Limit != "RLIMIT_NOFILE" || l.Value != 128) {
				t.Errorf("%s with %d descriptors does not say which limit that is: %v", what, free, err)
			}
		}
		t.Log(free, told, log.Lines, err)
		sup.Shutdown()
	}
}

func litter(c *actor.Context, l Litter) (Me, error) {
	frame := wire.Append(nil, &wire.Ready{})
	for range l.Frames {
		if err := unix.Sendmsg(3, frame, unix.UnixRights(3, 3, 3, 3, 3, 3, 3, 3), nil, 0); err == unix.EAGAIN {
			_, _ = unix.Poll([]unix.PollFd{{Fd: 3, Events: unix.POLLOUT}}, -1)
		} else if err != nil {
			return Me{}, err
		}
	}
	return Me{PID: os.Getpid(), Incarnation: c.Incarnation()}, nil
}

// TestStrayDescriptors: descriptors that come with frames which have none are
// closed at once: a child cannot use up those of the root.
func TestStrayDescriptors(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	ref := startNode(t, ctx, sup, supervisor.Child{})
	who(t, ctx, ref)
	other := startNode(t, ctx, sup, supervisor.Child{Name: "other"})
	if _, err := actor.Ask(ctx, other, Litter{Frames: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, other, Relay{To: ref}); err != nil { // what it says after that is heard
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it closes files that nobody has
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc: ", err)
		}
		return len(all)
	}
	before := count()
	if _, err := actor.Ask(ctx, ref, Litter{Frames: 20}); err != nil {
		t.Fatal(err)
	}
	who(t, ctx, ref)
	if _, err := actor.Lookup[Node](ctx, "node"); err != nil { // the loop has gone round
		t.Fatal(err)
	}
	down, _, err := actor.Monitor(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil { // and its link was read to the end
		t.Fatal(err)
	}
	wait(t, ctx, down)
	if after := count(); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// TestRootAnswerWithoutDescriptors: when the root process has not enough
// descriptors for the segment of an answer, who asked is told which limit that is.
func TestRootAnswerWithoutDescriptors(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
	defer restore()
	for free := range 4 {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		holder := startNode(t, ctx, sup, supervisor.Child{})
		for i := range 500 {
			if err := actor.Tell(ctx, holder, Mark{Seq: i}); err != nil {
				t.Fatal(err)
			}
		}
		who(t, ctx, holder) // the lane is there
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 128, Max: old.Max}); err != nil {
			t.Skip("RLIMIT_NOFILE cannot be set: ", err)
		}
		release := takeDescriptors(free)
		log, err := actor.Ask(ctx, holder, Log{})
		release()
		restore()
		if err == nil && len(log.Lines) != 500 || err != nil && !strings.Contains(err.Error(), "RLIMIT_NOFILE is 128;") {
			t.Errorf("with %d descriptors: %v", free, err)
		}
		t.Log(free, len(log.Lines), err)
		sup.Shutdown()
	}
}

// TestStartWithoutDescriptors: a start that fails for want of descriptors, at
// whichever step, says which limit that is, its value and the remedy, to who
// called it, and leaves nothing behind.
func TestStartWithoutDescriptors(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
	defer restore()
	ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
	limits := supervisor.Limits{Resources: map[supervisor.Limit]uint64{supervisor.LimitCore: 0}}
	for _, l := range []supervisor.Limits{{}, limits} {
		started := false
		for free := 0; !started; free++ {
			child := supervisor.Child{Name: fmt.Sprint("child", len(l.Resources), "-", free), Limits: l}
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 128, Max: old.Max}); err != nil {
				t.Skip("RLIMIT_NOFILE cannot be set: ", err)
			}
			release := takeDescriptors(free)
			_, err := supervisor.StartChild(ctx, sup, node, child)
			release()
			restore()
			l := (*transport.LimitError)(nil)
			switch {
			case err == nil:
				started = true
				t.Logf("%s: started with %d descriptors", child.Name, free)
			case free == 40 || !errors.As(err, &l) || l.Limit != "RLIMIT_NOFILE" || l.Value != 128 || l.Remedy == "" || !errors.Is(err, unix.EMFILE):
				t.Fatalf("%s, with %d descriptors: %v", child.Name, free, err)
			}
		}
	}
}
