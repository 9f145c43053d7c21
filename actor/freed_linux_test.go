package actor_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// untilWaits returns when n goroutines of this process wait for room, and have done
// so for long enough to be out of the time in which they look again by themselves.
func untilWaits(t *testing.T, ctx context.Context, n int) {
	t.Helper()
	var since time.Time
	for all := make([]byte, 1<<20); since.IsZero() || time.Since(since) < 20*time.Millisecond; runtime.Gosched() {
		waits := 0
		for one := range bytes.SplitSeq(all[:runtime.Stack(all, true)], []byte("\n\n")) {
			if head, _, _ := bytes.Cut(one, []byte("\n")); bytes.Contains(one, []byte(").awaitUntil(")) && !bytes.Contains(head, []byte("[runn")) {
				waits++
			}
		}
		switch {
		case ctx.Err() != nil:
			t.Fatalf("%d wait, want %d", waits, n)
		case waits < n:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
	}
}

// come fails the test unless all of n results come.
func come(t *testing.T, n int, results <-chan error) {
	t.Helper()
	for range n {
		select {
		case err := <-results:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(testutil.HangGuard):
			t.Fatal("what has come free is not found")
		}
	}
}

// lending waits for a buffer, and gives it back.
func lending(lend func() (actor.Buffer, error)) <-chan error {
	got := make(chan error, 1)
	go func() {
		b, err := lend()
		b.Release()
		got <- err
	}()
	return got
}

// TestReleasedUnsent: memory that comes back without having been sent, of which no
// receiver tells, is found by those who wait for it, one after another.
func TestReleasedUnsent(t *testing.T) {
	const pool, waiters = 64 << 10, 3
	ctx, _, refs := audience(t, 2, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool, MaxBytes: pool}})
	for what, lend := range map[string]func() (actor.Buffer, error){
		"one": func() (actor.Buffer, error) { return actor.Lend(ctx, refs[0], pool) },
		"all": func() (actor.Buffer, error) { return actor.LendAll(ctx, refs, pool) },
	} {
		t.Run(what, func(t *testing.T) {
			b, err := lend()
			if err != nil {
				t.Fatal(err)
			}
			all := make(chan error, waiters)
			for range waiters {
				one := lending(lend)
				go func() { all <- <-one }()
			}
			untilWaits(t, ctx, waiters)
			b.Release()
			come(t, waiters, all)
		})
	}
}

// TestUrgentToAllGetsBlocksFirst: what is told to all and urgent gets the first block
// that comes free, of one mailbox or of those that a set shares, although others wait
// for one, too.
func TestUrgentToAllGetsBlocksFirst(t *testing.T) {
	const size, rounds = 12_000, 3 // 16 KiB of memory
	onPriorities(t, func(t *testing.T, queue string) {
		for members := 1; members <= 2; members++ {
			box := mailbox.Config{Queue: queue, PoolBytes: 64 << 10, Priorities: true}
			w := newWard(t, box)
			defer w.busy()() // nothing that is sent comes back
			refs := []actor.Ref[Clinic]{w.ref}
			lend := func() (actor.Buffer, error) { return actor.Lend(w.ctx, w.ref, size) }
			if members == 2 {
				other, err := supervisor.StartChild(w.ctx, w.sup, clinic, supervisor.Child{Name: "other", Mailbox: box, Stderr: io.Discard,
					Env: []string{clinicVar + "=" + filepath.Join(t.TempDir(), "notes")}})
				if err != nil {
					t.Fatal(err)
				}
				refs = append(refs, other)
				lend = func() (actor.Buffer, error) { return actor.LendAll(w.ctx, refs, size) }
			}
			var all []actor.Buffer
			for range 4 {
				b, err := lend()
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, b)
			}
			lent := make(chan actor.Buffer)
			go func() {
				b, err := lend()
				if err != nil {
					t.Error(err)
				}
				lent <- b
			}()
			untilWaits(t, w.ctx, 1)
			for n := range rounds {
				told := make(chan error, 1)
				go func() { told <- actor.TellAll(w.ctx, refs, Emergency{N: uint64(n), Data: filled(uint64(n), size)}) }()
				untilWaits(t, w.ctx, 2)
				all[n].Release()
				come(t, 1, told) // it is kept by the busy one
			}
			all[rounds].Release()
			select {
			case b := <-lent:
				b.Release()
			case <-time.After(testutil.HangGuard):
				t.Fatal("nobody else gets a block")
			}
		}
	})
}
