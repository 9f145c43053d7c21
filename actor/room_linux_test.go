package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestSlowReceiverMakesRoom: a sender that waits for room gets that of the next
// message handled, and need not wait for a quarter of the ring. The handler
// takes one message for each byte that comes through a pipe.
func TestSlowReceiverMakesRoom(t *testing.T) {
	pipe, gate := openGate(t)
	defer gate.Close()
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{Queue: "ring", RingBytes: 4096}})
	step := Tell{What: "step " + pipe}
	full := fillUp(t, ctx, ref, step)
	sent := make(chan error, 1)
	go func() { sent <- actor.Tell(ctx, ref, step) }()
	handled := 0
	for done := false; !done; {
		fmt.Fprint(gate, "x")
		handled++
		select {
		case err := <-sent:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-time.After(time.Second):
		}
	}
	for range full + 1 - handled {
		fmt.Fprint(gate, "x")
	}
	c, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	defer cancel()
	if _, err := actor.Ask(c, ref, Add{}); err != nil {
		t.Fatal(err)
	}
	if quarter := full / 4; handled >= quarter {
		t.Fatalf("room came after %d messages; a quarter of the ring is %d", handled, quarter)
	}
}

// openGate makes a pipe for a handler that reads one byte of it for each message. The
// caller closes it: then no handler waits for another byte.
func openGate(t *testing.T) (name string, gate *os.File) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	gate, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	return name, gate
}

// fillUp sends m until there is no room, and says how often it was sent.
func fillUp(t *testing.T, ctx context.Context, ref actor.Ref[Worker], m Tell) (n int) {
	t.Helper()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	failed := make(chan error, 1)
	go func() {
		for ; ; n++ {
			if err := actor.Tell(ctx, ref, m); err != nil {
				failed <- err
				return
			}
		}
	}()
	untilWaits(t, ctx, 1)
	giveUp()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return n
}

// counted is a text that counts how often it was encoded.
type counted struct {
	text  []byte
	times *int
}

func (c counted) MarshalBinary() ([]byte, error) {
	*c.times++
	return c.text, nil
}

func (c *counted) UnmarshalBinary(b []byte) error {
	c.text = bytes.Clone(b)
	return nil
}

// TestLargeWaitsAsleep: a message that has got one block, and finds no room for the rest,
// gives that back, and is not tried again for that reason. Its wait ends with its context.
func TestLargeWaitsAsleep(t *testing.T) {
	const pool = 1 << 20
	for what, c := range map[string]struct {
		fill func(t *testing.T, ctx context.Context, refs []actor.Ref[Listener])
		text int
	}{
		"no room in the queue": {func(t *testing.T, ctx context.Context, refs []actor.Ref[Listener]) {
			pid := recall(t, ctx, refs[0], 0, false).PID
			stopProcess(t, pid)
			t.Cleanup(func() { unix.Kill(pid, unix.SIGCONT) })
			queueFull(t, stage{ctx, refs})
		}, 100},
		"no second block": {func(t *testing.T, ctx context.Context, refs []actor.Ref[Listener]) {
			b, err := actor.Lend(ctx, refs[0], pool/2)
			if err != nil {
				t.Fatal(err)
			}
			if err := actor.Tell(ctx, refs[0], Scene{Data: b}); err != nil { // it keeps it
				t.Fatal(err)
			}
		}, pool/2 - 100},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{RingBytes: 4096, PoolBytes: pool}})
			c.fill(t, ctx, refs)
			lent, err := actor.Lend(ctx, refs[1], pool/2)
			if err != nil {
				t.Fatal(err)
			}
			times := 0
			short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			defer cancel()
			err = actor.Tell(short, refs[0], Tried{Data: lent, Text: counted{make([]byte, c.text), &times}})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if times > 10 { // at once, asleep, after a time, and a few more for what may have happened beside
				t.Errorf("it was tried %d times", times)
			}
			lent.Release()
		})
	}
}
