package supervisor_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// hasUnread expects so many messages to wait, at once or soon: after the first message of
// a sender, or the start of a receiver, the root is told where to look.
func hasUnread(t *testing.T, ctx context.Context, sup *supervisor.Supervisor, id uint32, want int, soon bool) {
	t.Helper()
	n, err := sup.Unread(id)
	for ; soon && err == nil && n != want && ctx.Err() == nil; n, err = sup.Unread(id) {
	}
	if n != want || err != nil {
		t.Fatalf("%d unread, want %d: %v", n, want, err)
	}
}

func marks(t *testing.T, ctx context.Context, to actor.Ref[Node], n int) {
	t.Helper()
	for i := range n {
		if err := actor.Tell(ctx, to, Mark{Seq: i}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnread: what waits in a mailbox is counted, of every form of queue, of living and
// dead senders, while its actor hangs, and after a kill; what is in hand is not.
func TestUnread(t *testing.T) {
	for _, form := range lane.Probe() {
		t.Run(form.Form.Name, func(t *testing.T) {
			if form.Err != nil {
				t.Skip(form.Err)
			}
			ctx, sup, _ := newSup(t, supervisor.Spec{Intensity: 100})
			holding := make(words, 4)
			ref := startNode(t, ctx, sup, supervisor.Child{Shutdown: supervisor.BrutalKill, Stderr: holding,
				Mailbox: mailbox.Config{Queue: form.Form.Name, Redeliver: 1}})
			hasUnread(t, ctx, sup, ref.ID, 0, false)
			marks(t, ctx, ref, 7)
			hasUnread(t, ctx, sup, ref.ID, 0, true)
			go actor.Ask(ctx, ref, Hold{})
			<-holding
			hasUnread(t, ctx, sup, ref.ID, 0, true)
			marks(t, ctx, ref, 5)
			hasUnread(t, ctx, sup, ref.ID, 5, false)
			if err := sup.Kill(ref.ID); err != nil {
				t.Fatal(err)
			}
			<-holding // with the same ask in hand, of which the root learns in the same moment
			hasUnread(t, ctx, sup, ref.ID, 5, true)
			other := startNode(t, ctx, sup, supervisor.Child{Name: "sender", Restart: supervisor.Temporary})
			_, err := actor.Ask(ctx, other, Pass{To: ref, N: 3})
			if !errors.As(err, new(*actor.DeathError)) {
				t.Fatal(err)
			}
			hasUnread(t, ctx, sup, ref.ID, 8, true)
			if err := sup.Terminate(ctx, ref.ID); err != nil {
				t.Fatal(err)
			}
			hasUnread(t, ctx, sup, ref.ID, 0, false)
		})
	}
}

// TestUnreadOf: of a pool all members count; a supervisor has no mailbox; below a
// supervisor in its own process it is the same; an operator may ask, too; an unknown
// number is an error.
func TestUnreadOf(t *testing.T) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	pool, err := supervisor.StartPool(ctx, sup, node, supervisor.Pool{Size: 2, Member: supervisor.Child{Stderr: io.Discard}})
	if err != nil {
		t.Fatal(err)
	}
	members, err := sup.Below(node.Name())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := supervisor.StartSubtree(ctx, sup, variable, tree("group"))
	if err != nil {
		t.Fatal(err)
	}
	a := find(t, sub, "a")
	for _, pid := range []int{members.Children()[0].PID, members.Children()[1].PID, who(t, ctx, a).PID} {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer syscall.Kill(pid, syscall.SIGCONT)
		for !stopped(pid) && ctx.Err() == nil {
		}
	}
	marks(t, ctx, pool, 6)
	marks(t, ctx, a, 2)
	hasUnread(t, ctx, sup, pool.ID, 6, true)
	hasUnread(t, ctx, sup, members.Children()[0].ID, 3, false)
	hasUnread(t, ctx, sub, a.ID, 2, true)
	hasUnread(t, ctx, sup, sub.ID(), 0, false)
	chief, err := supervisor.StartChild(ctx, sup, boss, supervisor.Child{Operator: true, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if n := (orders{t, ctx, chief}).ok(Order{What: "unread", ID: a.ID}); n != 2 {
		t.Errorf("an operator is told of %d unread", n)
	}
	if n, err := sup.Unread(1 << 30); n != 0 || !errors.Is(err, supervisor.ErrNotFound) {
		t.Error(n, err)
	}
}
