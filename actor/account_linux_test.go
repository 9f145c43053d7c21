package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// Clerk is the protocol of an actor that keeps account of its messages in a
// file, so that its death does not end that too.
type Clerk struct{}

type (
	Bill struct {
		actor.Tells[Clerk]
		N uint64
	}
	Ready struct{ actor.Asks[Clerk, Clerks] }
	// Pass sends N bills to another clerk, or as many as go.
	Pass struct {
		actor.Asks[Clerk, Clerks]
		N  int
		To actor.Ref[Clerk]
	}
	Clerks struct{ PID, Sent int }
)

const accountVar = "CLERK_ACCOUNT"

var clerk = actor.Define("clerk", func(s *actor.Setup[Clerk]) error {
	account, err := os.OpenFile(os.Getenv(accountVar), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	actor.OnTell(s, func(c *actor.Context, m Bill) error {
		_, err := account.Write([]byte{1})
		return err
	})
	actor.OnAsk(s, func(c *actor.Context, m Ready) (Clerks, error) { return Clerks{PID: os.Getpid()}, nil })
	actor.OnAsk(s, func(c *actor.Context, m Pass) (Clerks, error) {
		n, err := bills(c, m.To, m.N)
		return Clerks{os.Getpid(), n}, err
	})
	return nil
})

// bills sends up to n bills, and says how many went.
func bills(c context.Context, to actor.Ref[Clerk], n int) (sent int, err error) {
	for sent < n {
		if err := actor.Tell(c, to, Bill{N: uint64(sent)}); err != nil {
			if gone := new(actor.GoneError); errors.As(err, &gone) {
				return sent, nil
			}
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// TestEveryMessageIsAccounted: of an actor that is killed again and again in the
// middle of its work, and ends for good, each message of which its sender was
// told that it is in the mailbox has been handled, or is a dead letter.
func TestEveryMessageIsAccounted(t *testing.T) {
	for _, form := range forms(t) {
		for _, kills := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s/killed %d", form, kills), func(t *testing.T) {
				for range testutil.Rounds(1, 300) {
					accounted(t, form, kills)
				}
			})
		}
	}
}

func accounted(t *testing.T, form string, kills int) {
	const many = 1 << 30 // bills, until it is gone
	dir := t.TempDir()
	var unread, inHand atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), testutil.HangGuard)
	defer cancel()
	intensity := kills - 1
	if intensity == 0 {
		intensity = supervisor.NoRestarts
	}
	sup, err := supervisor.New(ctx, supervisor.Spec{Log: slog.New(slog.DiscardHandler), Intensity: intensity, Period: time.Hour, OnLetter: func(l supervisor.Letter) {
		if l.Reason == supervisor.LetterQuarantined {
			inHand.Add(1)
		} else {
			unread.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	open := func(name string) actor.Ref[Clerk] {
		ref, err := supervisor.StartChild(ctx, sup, clerk, supervisor.Child{Name: name, Stderr: io.Discard,
			Env: []string{accountVar + "=" + filepath.Join(dir, name)}, Mailbox: mailbox.Config{Queue: form}})
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	other, target := open("other"), open("target") // stopped in reverse: other outlives the end of target
	var sent atomic.Int64
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			n, err := bills(ctx, target, many)
			if sent.Add(int64(n)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		c, err := actor.Ask(ctx, other, Pass{N: many, To: target})
		if gone := new(actor.GoneError); errors.As(err, &gone) {
			return // it has ended before it was told to send
		}
		if sent.Add(int64(c.Sent)); err != nil {
			t.Error(err)
		}
	})
	handled := func() int64 {
		if s, err := os.Stat(filepath.Join(dir, "target")); err == nil {
			return s.Size()
		}
		return 0
	}
	for range kills {
		who, err := actor.Ask(ctx, target, Ready{})
		if err != nil {
			t.Fatal(err)
		}
		for from := handled(); handled() < from+300 && ctx.Err() == nil; {
			runtime.Gosched()
		}
		slay(t, who.PID)
	}
	all.Wait()
	sup.Shutdown()
	// What was in hand may have been entered in the account before the end, and
	// again by the next incarnation.
	known := handled() + unread.Load() + inHand.Load()
	if lost := sent.Load() - known; lost > 0 || lost < -int64(kills)-inHand.Load() {
		t.Errorf("%d sent, %d handled, %d unread, %d quarantined: %d too few", sent.Load(), handled(), unread.Load(), inHand.Load(), lost)
	}
}

// TestInHandAtTheEnd: of an actor that is killed because it does not end when it is asked
// to, the letter of the message in hand says so: a handler has had it. Those of the
// others say that none has.
func TestInHandAtTheEnd(t *testing.T) {
	letters := make(chan supervisor.Letter, 3)
	ctx, sup, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) { letters <- l }}, supervisor.Child{Shutdown: supervisor.BrutalKill})
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"step " + pipe, "fail", "fail"} {
		if err := actor.Tell(ctx, ref, Tell{What: what}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the handler has opened it
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	for i, want := range []supervisor.LetterReason{supervisor.LetterQuarantined, supervisor.LetterUnread, supervisor.LetterUnread} {
		if l := <-letters; l.Reason != want {
			t.Errorf("letter %d: %s, want %s", i, l.Reason, want)
		}
	}
}
