package transporttest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/transporttest"
)

// Keeper is an actor that judges what it is told.
type (
	Keeper struct{}
	Piece  struct { // number N, filled by transporttest.Fill
		actor.Tells[Keeper]
		N    uint64
		Data []byte
		Lent actor.Buffer
	}
	Count struct {
		actor.Asks[Keeper, Counted]
	}
	Counted struct {
		Next uint64 // number of the piece that is expected
		Bad  string
		PID  int
		Echo []byte // too large for a reply slot
	}
	Hold struct { // is in hand when its process is killed
		actor.Tells[Keeper]
	}
)

var keeper = actor.Define("keeper", func(s *actor.Setup[Keeper]) error {
	var c Counted
	seen := false
	actor.OnTell(s, func(_ *actor.Context, m Piece) error {
		if !seen { // an heir goes on where it finds the mailbox
			seen, c.Next = true, m.N
		}
		switch {
		case m.N != c.Next:
			c.Bad += fmt.Sprintf("number %d came in the place of %d; ", m.N, c.Next)
		case !transporttest.Check(m.Data, m.N) || !transporttest.Check(m.Lent.Bytes(), m.N+1):
			c.Bad += fmt.Sprintf("number %d of %d and %d bytes is not what was sent; ", m.N, len(m.Data), m.Lent.Len())
		}
		c.Next = m.N + 1
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, _ Hold) error {
		if c.Incarnation() > 1 {
			return nil // a death that was asked for is not charged to it: it comes again
		}
		select {}
	})
	actor.OnAsk(s, func(_ *actor.Context, m Count) (Counted, error) {
		c.PID, c.Echo = os.Getpid(), make([]byte, 20_000)
		transporttest.Fill(c.Echo, c.Next)
		return c, nil
	})
	return nil
})

// combination is one form of each kind.
type combination struct {
	queue, segment, policy, notifier string
}

// combinations is all of them, or so many that every two forms of different
// kinds are together in one.
func combinations(t *testing.T, all bool) (cs []combination) {
	policies, notifiers := []string{"pool", "arena"}, []string{"futex", "eventfd"}
	for qi, q := range lane.Probe() {
		if q.Form.Queue >= cheatNumber {
			continue
		}
		for si, s := range segment.Probe() {
			for pi, p := range policies {
				for ni, n := range notifiers {
					if q.Err == nil && s.Err == nil && (all || pi == (qi+si)%2 && ni == (qi+si/2)%2) {
						cs = append(cs, combination{q.Form.Name, s.Form.String(), p, n})
					}
				}
			}
			if q.Err != nil || s.Err != nil {
				t.Logf("without %s %v and %v %v", q.Form.Name, q.Err, s.Form, s.Err)
			}
		}
	}
	return cs
}

// TestEveryPair: the choice of combinations leaves no two forms out.
func TestEveryPair(t *testing.T) {
	pairs := func(cs []combination) map[string]bool {
		m := map[string]bool{}
		for _, c := range cs {
			w := []string{"queue " + c.queue, "segment " + c.segment, "policy " + c.policy, "notifier " + c.notifier}
			for i := range w {
				for _, other := range w[i+1:] {
					m[w[i]+", "+other] = true
				}
			}
		}
		return m
	}
	some := pairs(combinations(t, false))
	for p := range pairs(combinations(t, true)) {
		if !some[p] {
			t.Errorf("%s are never together", p)
		}
	}
}

// TestCombinations: the order, the bytes and the unread survive on every pair of
// forms; with UNDERSTUDY_LONG=1 on every combination of four.
func TestCombinations(t *testing.T) {
	for _, c := range combinations(t, testutil.Rounds(1, 2) == 2) {
		t.Run(fmt.Sprint(c.queue, "+", c.segment, "+", c.policy, "+", c.notifier), func(t *testing.T) { combine(t, c) })
	}
}

func combine(t *testing.T, c combination) {
	testutil.Room(t, c.segment, 16<<20)
	testutil.Audit(t)
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard)
	defer cancel()
	sup, err := supervisor.New(ctx, supervisor.Spec{Notifier: c.notifier, Intensity: 100, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, keeper, supervisor.Child{Stderr: io.Discard,
		Mailbox: mailbox.Config{Queue: c.queue, Segment: c.segment, Blocks: c.policy, PoolBytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	k := &sending{t: t, ctx: ctx, ref: ref}
	k.pieces(100)
	before := k.counted()
	// What is unread at the death of the receiver is handled by its heir.
	if err := actor.Tell(ctx, ref, Hold{}); err != nil {
		t.Fatal(err)
	}
	k.pieces(4) // few: some queues hold nine
	if err := sup.Kill(ref.ID); err != nil {
		t.Fatal(err)
	}
	k.pieces(50)
	if after := k.counted(); after.PID == before.PID {
		t.Error("it was not killed")
	}
}

// sending is a sender of numbered pieces.
type sending struct {
	t   *testing.T
	ctx context.Context
	ref actor.Ref[Keeper]
	n   uint64
}

// pieces tells n pieces, of sizes below and above what fits into entries, and
// some with a lent buffer, one larger than the pool.
func (k *sending) pieces(n int) {
	k.t.Helper()
	sizes := []int{0, 1, 100, 3000, 4095, 4096, 4097, 5000, 70_000, 200_000}
	for i := range n {
		m := Piece{N: k.n, Data: make([]byte, sizes[i%len(sizes)])}
		transporttest.Fill(m.Data, m.N)
		if i%7 == 3 {
			size := 10_000
			if i == 3 && n > 4 {
				size = 1<<20 + 1
			}
			var err error
			if m.Lent, err = actor.Lend(k.ctx, k.ref, size); err != nil {
				k.t.Fatal(err)
			}
			transporttest.Fill(m.Lent.Bytes(), m.N+1)
		}
		if err := actor.Tell(k.ctx, k.ref, m); err != nil {
			k.t.Fatalf("piece %d: %v", m.N, err)
		}
		k.n++
	}
}

// counted asks for the judgement.
func (k *sending) counted() Counted {
	k.t.Helper()
	c, err := actor.Ask(k.ctx, k.ref, Count{})
	if err != nil {
		k.t.Fatal(err)
	}
	if c.Bad != "" || c.Next != k.n || !transporttest.Check(c.Echo, c.Next) {
		k.t.Fatalf("%d pieces were sent, %d have come: %s", k.n, c.Next, c.Bad)
	}
	return c
}
