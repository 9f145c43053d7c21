package actor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

const waitsPool = 1 << 20

// stage is two listeners, of which the first one is stopped.
type stage struct {
	ctx  context.Context
	refs []actor.Ref[Listener]
}

// fill tells m to the first listener until there is no room.
func fill[M actor.ToldTo[Listener]](t *testing.T, s stage, m M) {
	t.Helper()
	for err := error(nil); err == nil; {
		c, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
		err = actor.Tell(c, s.refs[0], m)
		cancel()
	}
}

func queueFull(t *testing.T, s stage) { fill(t, s, Script{}) }
func poolDry(t *testing.T, s stage)   { fill(t, s, Script{Text: make([]byte, waitsPool/4-100)}) }
func setDry(t *testing.T, s stage) {
	for number := range 4 {
		shown(t, s.ctx, s.refs, number, waitsPool/4)
	}
}

func tellText(n int) func(ctx context.Context, s stage) error {
	return func(ctx context.Context, s stage) error {
		return actor.Tell(ctx, s.refs[0], Script{Text: make([]byte, n)})
	}
}

func tellAllText(n int) func(ctx context.Context, s stage) error {
	return func(ctx context.Context, s stage) error {
		return actor.TellAll(ctx, s.refs, Script{Text: make([]byte, n)})
	}
}

// tellTwo needs two blocks of n bytes.
func tellTwo(n int) func(ctx context.Context, s stage) error {
	return func(ctx context.Context, s stage) error {
		b, err := actor.Lend(ctx, s.refs[1], n)
		if err != nil {
			return err
		}
		defer b.Release()
		return actor.Tell(ctx, s.refs[0], Programme{Data: b, Text: make([]byte, n-100)})
	}
}

var waits = map[string]struct {
	before func(t *testing.T, s stage)
	wait   func(ctx context.Context, s stage) error
}{
	"full, small":         {queueFull, tellText(10)},
	"full, in a block":    {queueFull, tellText(100 << 10)},
	"full, over the pool": {queueFull, tellText(waitsPool + 1)},
	"full, two blocks":    {queueFull, tellTwo(100 << 10)},
	"full, ask": {queueFull, func(ctx context.Context, s stage) error {
		_, err := actor.Ask(ctx, s.refs[0], Recall{})
		return err
	}},
	"full, all":          {queueFull, tellAllText(10)},
	"full, all, a block": {queueFull, tellAllText(100 << 10)},
	"dry":                {poolDry, tellText(100 << 10)},
	"dry, the pool":      {poolDry, tellText(waitsPool - 100)},
	"dry, lend": {poolDry, func(ctx context.Context, s stage) error {
		_, err := actor.Lend(ctx, s.refs[0], 10<<10)
		return err
	}},
	"dry for the second block": {func(t *testing.T, s stage) {
		if err := tellText(waitsPool/2-100)(s.ctx, s); err != nil {
			t.Fatal(err)
		}
	}, tellTwo(waitsPool / 2)},
	"dry set": {setDry, func(ctx context.Context, s stage) error {
		_, err := actor.LendAll(ctx, s.refs, 100<<10)
		return err
	}},
	"dry set, all": {setDry, tellAllText(100 << 10)},
	"no answer": {func(*testing.T, stage) {}, func(ctx context.Context, s stage) error {
		_, err := actor.Ask(ctx, s.refs[0], Recall{})
		return err
	}},
}

// TestWaitsSleep: whatever several goroutines wait for, they use no processor meanwhile,
// and the wait ends with its context.
func TestWaitsSleep(t *testing.T) {
	for what, c := range waits {
		t.Run(what, func(t *testing.T) {
			ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{RingBytes: 4096, PoolBytes: waitsPool}})
			s := stage{ctx, refs}
			pid := recall(t, ctx, refs[0], 0, false).PID
			stopProcess(t, pid)
			defer unix.Kill(pid, unix.SIGCONT)
			c.before(t, s)
			if used, took := used(t, s, c.wait); used > took/3 {
				t.Errorf("they used %v of a processor in %v", used, took)
			}
		})
	}
}

// used is the processor time that three goroutines use which wait by wait, once they have
// tried for a while, and how long that was. Their contexts end.
func used(t *testing.T, s stage, wait func(ctx context.Context, s stage) error) (used, took time.Duration) {
	t.Helper()
	half := 200 * time.Millisecond
	if testutil.RaceEnabled {
		half *= 4 // a try takes longer
	}
	ctx, cancel := context.WithTimeout(s.ctx, 2*half)
	defer cancel()
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := wait(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	go func() { all.Wait(); close(done) }()
	<-time.After(half)
	begun, before := time.Now(), processorTime(t)
	select {
	case <-done:
	case <-time.After(testutil.HangGuard):
		t.Fatal("it waits on when its context has ended")
	}
	return processorTime(t) - before, time.Since(begun)
}

// processorTime is what this process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
