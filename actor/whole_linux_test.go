package actor_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// Mover is an actor that sends payloads over the pool of another one.
type (
	Mover struct{}
	Move  struct {
		actor.Asks[Mover, Sum]
		To   actor.Ref[Worker]
		N    int  // bytes
		Die  bool // with half of them written
		Lent bool // in a buffer
	}
)

var mover = actor.Define("mover", func(s *actor.Setup[Mover]) error {
	actor.OnAsk(s, func(c *actor.Context, m Move) (Sum, error) {
		if !m.Lent {
			return Sum{PID: os.Getpid()}, actor.Tell(c, m.To, Note{Data: make([]byte, m.N)})
		}
		b, err := actor.Lend(c, m.To, m.N)
		if err != nil {
			return Sum{}, err
		}
		half := b.Bytes()[:m.N/2]
		for i := range half {
			half[i] = 7
		}
		if m.Die {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return Sum{PID: os.Getpid()}, actor.Tell(c, m.To, Blot{Data: b})
	})
	return nil
})

const smallPool, overPool = 256 << 10, 1<<20 + 12345

// wholes counts the mappings of segments of payloads over smallPool in this
// process, of the forms that have names there. A lane has its ring.
func wholes(t *testing.T) (n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	const kB = overPool / 1024
	lines := strings.Split(string(maps), "\n")
	for i, line := range lines {
		if strings.Contains(line, "memfd:understudy-") && !strings.Contains(line, "memfd:understudy-lane") && i+1 < len(lines) {
			if f := strings.Fields(lines[i+1]); len(f) > 1 && f[0] == "Size:" && f[1] > "" && atoi(f[1]) >= kB {
				n++
			}
		}
	}
	return n
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// TestOverPool: a payload that is larger than all blocks together goes there and
// back, as bytes and as a buffer, in the order of what is small; and its
// segment is gone afterwards.
func TestOverPool(t *testing.T) {
	for _, policy := range []string{"pool", "arena"} {
		t.Run(policy, func(t *testing.T) {
			ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: smallPool, Blocks: policy}})
			before := wholes(t) // of earlier tests, whose buffers were never released
			c, err := actor.Explain(ctx, ref, Note{Data: make([]byte, overPool)})
			if err != nil || c.Way != mailbox.WayWhole {
				t.Errorf("%+v, %v", c, err)
			}
			data := bytes.Repeat([]byte("0123456789abcdef!"), overPool/17)
			for i := range 3 {
				n := len(data) - i*5000 // another segment each time
				if e, err := actor.Ask(ctx, ref, Echo{Data: data[:n]}); err != nil || !bytes.Equal(e.Data, data[:n]) {
					t.Fatal(len(e.Data), err)
				}
			}
			for i := range 20 { // every fifth one is large
				n := 10
				if i%5 == 0 {
					n = overPool
				}
				if err := actor.Tell(ctx, ref, Note{Seq: uint64(i), Data: make([]byte, n)}); err != nil {
					t.Fatal(i, err)
				}
			}
			l, err := actor.Ask(ctx, ref, Notes{})
			if err != nil || l.Bytes != 4*overPool+16*10 {
				t.Fatal(l.Bytes, err)
			}
			checkSeqs(t, l.Seqs, 20)
			b, err := actor.Lend(ctx, ref, overPool)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b.Bytes() {
				b.Bytes()[i] = 1
			}
			r, err := actor.Ask(ctx, ref, Blur{N: overPool + 1, Data: b})
			if err != nil || r.Sum != overPool || r.Data.Len() != overPool+1 || r.Data.Bytes()[overPool] != byte(overPool&255) {
				t.Fatal(r.Sum, r.Data.Len(), err)
			}
			r.Data.Release()
			if n := sup.Traffic().Whole; n != 3+4+1 {
				t.Errorf("%d payloads were counted", n)
			}
			if _, err := actor.Ask(ctx, ref, Echo{Data: make([]byte, 50_000)}); err != nil { // the answer's goes with the next block
				t.Fatal(err)
			}
			for begin := time.Now(); wholes(t) > before; runtime.Gosched() {
				if time.Since(begin) > testutil.HangGuard {
					t.Fatalf("%d segments are left", wholes(t)-before)
				}
			}
		})
	}
}

// TestOverPoolCap: what the receiver does not allow is refused before anything
// is sent; and while one is on its way, the next finds the mailbox full.
func TestOverPoolCap(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: smallPool, MaxBytes: overPool, Full: mailbox.Fail}})
	var size *transport.SizeError
	if err := actor.Tell(ctx, ref, Note{Data: make([]byte, overPool)}); !errors.As(err, &size) || size.Limit != overPool || size.Size <= overPool ||
		!strings.Contains(err.Error(), "mailbox.Config.MaxBytes") || !strings.Contains(err.Error(), "NewStream") {
		t.Errorf("%v", err)
	}
	if _, err := actor.Lend(ctx, ref, overPool+1); !errors.As(err, &size) {
		t.Errorf("%v", err)
	}
	b, err := actor.Lend(ctx, ref, overPool)
	if err != nil {
		t.Fatal(err)
	}
	if err := actor.Tell(ctx, ref, Note{Data: make([]byte, smallPool+1)}); !errors.Is(err, actor.ErrFull) || !strings.Contains(err.Error(), "only one such payload") {
		t.Errorf("while one is out: %v", err)
	}
	b.Release()
	if err := actor.Tell(ctx, ref, Note{Data: make([]byte, smallPool+1)}); err != nil {
		t.Error(err)
	}
}

// TestOverPoolSurvives: an unread payload over the pool outlives its receiver
// and its sender. Of one whose sender died while it wrote, nothing arrives.
func TestOverPoolSurvives(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: smallPool}})
	from, err := supervisor.StartChild(ctx, sup, mover, supervisor.Child{})
	if err != nil {
		t.Fatal(err)
	}
	var died *actor.DeathError
	if _, err := actor.Ask(ctx, from, Move{To: ref, N: overPool, Lent: true, Die: true}); !errors.As(err, &died) {
		t.Fatal(err)
	}
	sum, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	stopProcess(t, sum.PID)
	for _, lent := range []bool{false, true} {
		// The second has to wait until the first has been handled, unless it
		// comes from another incarnation.
		s, err := actor.Ask(ctx, from, Move{To: ref, N: overPool, Lent: lent})
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitGone(t, s.PID)
	}
	if err := sup.Kill(ref.ID); err != nil {
		t.Fatal(err)
	}
	l, err := actor.Ask(ctx, ref, Notes{})
	for begin := time.Now(); err == nil && len(l.Seqs) < 2; l, err = actor.Ask(ctx, ref, Notes{}) {
		if time.Since(begin) > testutil.HangGuard {
			break
		}
	}
	if err != nil || len(l.Seqs) != 2 || l.Seqs[1] != 7 || l.Bytes != overPool {
		t.Errorf("%+v, %v", l, err)
	}
}

// waitGone waits until a process has been reaped.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for begin := time.Now(); syscall.Kill(pid, 0) == nil; runtime.Gosched() {
		if time.Since(begin) > testutil.HangGuard {
			t.Fatal("it does not die")
		}
	}
}
