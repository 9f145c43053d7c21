package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// TestPoolResize: under the traffic of two processes a pool grows and shrinks;
// every message is handled once, and none becomes a dead letter.
func TestPoolResize(t *testing.T) { poolEverywhere(t, testPoolResize) }

func testPoolResize(t *testing.T, at poolPlace) {
	const senders = 2
	for _, queue := range []string{"ring", "unix"} {
		t.Run(queue, func(t *testing.T) {
			var letters atomic.Int64
			ctx, sup, _ := newSup(t, supervisor.Spec{OnLetter: func(supervisor.Letter) { letters.Add(1) }})
			book := startLedger(t, ctx, sup)
			_, pool := at(t, ctx, sup, supervisor.Pool{Size: 2, Member: supervisor.Child{Mailbox: mailbox.Config{Queue: queue}}})
			n := testutil.Rounds(3000, 200000)
			var wg sync.WaitGroup
			var over atomic.Int32
			for i := range senders {
				ref := startShelf(t, ctx, sup, supervisor.Child{Name: fmt.Sprint("sender", i)})
				wg.Go(func() {
					defer over.Add(1)
					if _, err := actor.Ask(ctx, ref, Fill{To: pool, From: i, Keys: 1, N: n}); err != nil {
						t.Error(err)
					}
				})
			}
			for i := 0; i < 3 || over.Load() < senders; i++ {
				size := 1 + i*2%3 // 1, 3, 2, and so on
				if err := sup.Resize(ctx, pool.ID, size); err != nil {
					t.Fatal(err)
				}
				if got := members(t, ctx, pool); len(got) != size {
					t.Fatalf("%d members, want %d", len(got), size)
				}
			}
			wg.Wait()
			seen := make([]int, senders*n)
			for _, e := range entriesOf(t, ctx, pool, book, senders*n) {
				seen[e.From*n+e.Seq]++
			}
			lost, twice := 0, 0
			for _, times := range seen {
				if times == 0 {
					lost++
				} else if times > 1 {
					twice++
				}
			}
			if lost > 0 || twice > 0 || letters.Load() > 0 {
				t.Errorf("%d of %d lost, %d handled twice, %d dead letters", lost, len(seen), twice, letters.Load())
			}
		})
	}
}

// TestPoolResizeKeys: a new member takes keys from the others, and gives them
// back when it goes; nothing else moves.
func TestPoolResizeKeys(t *testing.T) { poolEverywhere(t, testPoolResizeKeys) }

func testPoolResizeKeys(t *testing.T, at poolPlace) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 3, Route: supervisor.ByKey})
	owners := func() (all [64]int) {
		for k := range all {
			all[k] = ask(t, ctx, pool, Owner{Key: k}).PID
		}
		return all
	}
	before := owners()
	if err := sup.Resize(ctx, pool.ID, 4); err != nil {
		t.Fatal(err)
	}
	now, moved := owners(), 0
	fourth := ask(t, ctx, members(t, ctx, pool)[3], Which{}).PID
	for k := range now {
		if now[k] != before[k] {
			moved++
			if now[k] != fourth {
				t.Errorf("key %d went from %d to %d; the new one is %d", k, before[k], now[k], fourth)
			}
		}
	}
	if moved == 0 || moved > 40 {
		t.Errorf("%d of 64 keys moved", moved)
	}
	if err := sup.Resize(ctx, pool.ID, 3); err != nil {
		t.Fatal(err)
	}
	if after := owners(); after != before {
		t.Error("keys of others moved")
	}
}

// TestPoolShrinkWhileRestarting: what waits for a member that is dead is
// handled before it goes.
func TestPoolShrinkWhileRestarting(t *testing.T) { poolEverywhere(t, testPoolShrinkWhileRestarting) }

func testPoolShrinkWhileRestarting(t *testing.T, at poolPlace) {
	var letters atomic.Int64
	ctx, sup, r := newSup(t, supervisor.Spec{OnLetter: func(supervisor.Letter) { letters.Add(1) }})
	book := startLedger(t, ctx, sup)
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 2, Intensity: 60, Member: supervisor.Child{Backoff: supervisor.Backoff{Min: 20 * time.Millisecond, Max: 20 * time.Millisecond}}})
	rounds, each := testutil.Rounds(3, 50), unread(20)
	for i := range rounds {
		last := members(t, ctx, pool)[1]
		pid := ask(t, ctx, last, Which{}).PID
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) == i+1 })
		for i := range each {
			if err := actor.Tell(ctx, last, Plain{Seq: i}); err != nil {
				t.Fatal(err)
			}
		}
		if err := sup.Kill(last.ID); err != nil {
			t.Fatal(err)
		}
		r.until(t, ctx, "the wait for the next attempt", func() bool { return len(r.kinds(supervisor.EventBackoff)) == i+1 })
		if err := errors.Join(sup.Resize(ctx, pool.ID, 1), sup.Resize(ctx, pool.ID, 2)); err != nil {
			t.Fatal(err)
		}
		var gone *actor.GoneError
		if err := actor.Tell(ctx, last, Plain{}); !errors.As(err, &gone) {
			t.Fatal(err)
		}
	}
	if got := len(entriesOf(t, ctx, pool, book, each*rounds)); got != each*rounds || letters.Load() != 0 {
		t.Fatal(got, letters.Load())
	}
}

// TestPoolResizeRestarted: a pool that is started again has the size that it was
// given last.
func TestPoolResizeRestarted(t *testing.T) { poolEverywhere(t, testPoolResizeRestarted) }

func testPoolResizeRestarted(t *testing.T, at poolPlace) {
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	over, pool := at(t, ctx, sup, supervisor.Pool{Size: 2})
	for _, size := range []int{4, 1} {
		if err := sup.Resize(ctx, pool.ID, size); err != nil {
			t.Fatal(err)
		}
		before := members(t, ctx, pool)
		if err := errors.Join(over.Terminate(ctx, pool.ID), over.Restart(ctx, pool.ID)); err != nil {
			t.Fatal(err)
		}
		ask(t, ctx, pool, Which{})
		if now := members(t, ctx, pool); len(now) != size || len(before) != size {
			t.Fatal(now, before)
		}
	}
	if err := sup.Resize(ctx, pool.ID, 0); err == nil {
		t.Fatal("a pool of none")
	}
	if err := sup.Resize(ctx, startNode(t, ctx, sup, supervisor.Child{}).ID, 2); err == nil {
		t.Fatal("an actor became a pool")
	}
}

// TestPoolEndsWhileResized: a Resize that waits for a member's next incarnation, which
// does not come, returns, and so does one of a pool that is no more, or none.
func TestPoolEndsWhileResized(t *testing.T) { poolEverywhere(t, testPoolEndsWhileResized) }

func testPoolEndsWhileResized(t *testing.T, at poolPlace) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	over, pool := at(t, ctx, sup, supervisor.Pool{Size: 2, Intensity: 1, Period: time.Hour, Member: supervisor.Child{Backoff: supervisor.Backoff{Min: time.Minute, Max: time.Minute}}})
	last := members(t, ctx, pool)[1]
	if err := sup.Kill(last.ID); err != nil {
		t.Fatal(err)
	}
	r.until(t, ctx, "the wait for the next attempt", func() bool { return len(r.kinds(supervisor.EventBackoff)) > 0 })
	done := make(chan error, 1)
	go func() { done <- sup.Resize(ctx, pool.ID, 1) }()
	for len(members(t, ctx, pool)) != 1 { // it has begun, and waits
		if _, err := actor.Lookup[Shelf](ctx, ""); ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if err := over.Terminate(ctx, pool.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Errorf("a pool that was stopped meanwhile: %v", err)
	}
	if err := sup.Resize(ctx, pool.ID, 2); !errors.Is(err, supervisor.ErrNotRunning) {
		t.Errorf("a pool that does not run: %v", err)
	}
	if err := over.Delete(ctx, pool.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []uint32{pool.ID, 99} {
		if err := sup.Resize(ctx, id, 2); !errors.Is(err, supervisor.ErrNotFound) {
			t.Errorf("%d, which is none: %v", id, err)
		}
	}
	if err := sup.Resize(ctx, pool.ID, supervisor.MaxPool+1); err == nil || errors.Is(err, supervisor.ErrNotFound) {
		t.Errorf("too large: %v", err)
	}
}

// TestPoolDrainTime: a member that does not get done is killed when its time is
// over, and what it had not handled is told to be lost.
func TestPoolDrainTime(t *testing.T) { poolEverywhere(t, testPoolDrainTime) }

func testPoolDrainTime(t *testing.T, at poolPlace) {
	var letters atomic.Int64
	ctx, sup, r := newSup(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		if strings.HasSuffix(l.Name, "Plain") {
			letters.Add(1)
		}
	}})
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 2, Member: supervisor.Child{Shutdown: 1}})
	last := members(t, ctx, pool)[1]
	if err := syscall.Kill(ask(t, ctx, last, Which{}).PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 })
	for range 5 {
		if err := actor.Tell(ctx, last, Plain{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sup.Resize(ctx, pool.ID, 1); err != nil {
		t.Fatal(err)
	}
	if got := r.kinds(supervisor.EventKilled); len(got) != 1 || !strings.HasSuffix(got[0], "shelf/2") {
		t.Fatal(got)
	}
	sup.Shutdown()
	if letters.Load() != 5 {
		t.Fatal(letters.Load())
	}
}

// TestPoolResizeAtOnce: while a pool is being resized, nobody else resizes it;
// afterwards anybody can.
func TestPoolResizeAtOnce(t *testing.T) { poolEverywhere(t, testPoolResizeAtOnce) }

func testPoolResizeAtOnce(t *testing.T, at poolPlace) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 2, Member: supervisor.Child{Shutdown: supervisor.Infinity}})
	last := members(t, ctx, pool)[1]
	pid := ask(t, ctx, last, Which{}).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 })
	first := make(chan error, 1)
	go func() { first <- sup.Resize(ctx, pool.ID, 1) }()
	for len(members(t, ctx, pool)) != 1 { // it has begun, and waits for the one that is stopped
		if _, err := actor.Lookup[Shelf](ctx, ""); ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if err := sup.Resize(ctx, pool.ID, 3); !errors.Is(err, supervisor.ErrResizing) {
		t.Errorf("another one at the same time: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if err := sup.Resize(ctx, pool.ID, 2); err != nil || len(members(t, ctx, pool)) != 2 {
		t.Errorf("afterwards: %v, %d members", err, len(members(t, ctx, pool)))
	}
}

// TestPoolResizeOutlived: a pool can be resized if it ended with the supervisor above it
// while it was being resized, and came back with that.
func TestPoolResizeOutlived(t *testing.T) {
	ctx, sup, r := newSup(t, supervisor.Spec{})
	p := supervisor.Pool{Size: 2, Intensity: 1, Period: time.Hour, Member: supervisor.Child{Stderr: io.Discard,
		Shutdown: 100 * time.Millisecond, Backoff: supervisor.Backoff{Min: time.Minute, Max: time.Minute}}}
	house, err := sup.StartSupervisor(ctx, supervisor.Spec{Children: []supervisor.Child{p.Child(shelf)}}, supervisor.Child{Name: "house"})
	if err != nil {
		t.Fatal(err)
	}
	pool := findShelf(t, sup, "house/shelf")
	all := members(t, ctx, pool)
	if err := syscall.Kill(ask(t, ctx, all[1], Which{}).PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := sup.Kill(all[0].ID); err != nil {
		t.Fatal(err)
	}
	r.until(t, ctx, "the stop, and the wait for the next attempt", func() bool {
		return len(r.kinds(supervisor.EventSuspended)) > 0 && len(r.kinds(supervisor.EventBackoff)) > 0
	})
	done := make(chan error, 1)
	go func() { done <- sup.Resize(ctx, pool.ID, 1) }()
	for len(members(t, ctx, pool)) != 1 { // it has begun, and waits
		if _, err := actor.Lookup[Shelf](ctx, ""); ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	// With the one that it waits for everything ends at once.
	if err := sup.Terminate(ctx, house.ID()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the pool has ended meanwhile, and nobody says so")
	}
	if err := sup.Restart(ctx, house.ID()); err != nil {
		t.Fatal(err)
	}
	if err := sup.Resize(ctx, pool.ID, 3); err != nil {
		t.Fatal(err)
	}
	if got := members(t, ctx, pool); len(got) != 3 || got[0] != all[0] {
		t.Error(got, all)
	}
}

// TestPoolStreamResized: a stream that waits for room in the mailbox of a member goes to
// another one if that member leaves.
func TestPoolStreamResized(t *testing.T) { poolEverywhere(t, testPoolStreamResized) }

func testPoolStreamResized(t *testing.T, at poolPlace) {
	const streams = 6
	ctx, sup, r := newSup(t, supervisor.Spec{})
	_, pool := at(t, ctx, sup, supervisor.Pool{Size: 2, Member: supervisor.Child{Mailbox: mailbox.Config{RingBytes: 4 << 10}}})
	last := members(t, ctx, pool)[1]
	pid := ask(t, ctx, last, Which{}).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	r.until(t, ctx, "the stop", func() bool { return len(r.kinds(supervisor.EventSuspended)) > 0 })
	var err error
	for err == nil { // until its mailbox is full
		brief, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		err = actor.Tell(brief, last, Plain{})
		cancel()
	}
	done := make(chan error)
	for range streams {
		go func() {
			w, err := actor.NewStream(ctx, pool, "", 10, nil)
			if err == nil {
				_, err = w.Write(make([]byte, 10))
				err = errors.Join(err, w.Close())
			}
			done <- err
		}()
	}
	resized := make(chan error, 1)
	for i := range streams {
		if i == streams/2 { // the other member has taken its share
			go func() { resized <- sup.Resize(ctx, pool.ID, 1) }()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(syscall.Kill(pid, syscall.SIGCONT), <-resized); err != nil {
		t.Error(err)
	}
}
