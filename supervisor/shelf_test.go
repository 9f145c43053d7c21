package supervisor_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// Shelf is the protocol of the members of the tests' pools. What they have
// handled they tell a Ledger, which outlives them.
type (
	Shelf  struct{}
	Ledger struct{}

	Put struct {
		actor.Tells[Shelf]
		From, Key, Seq int
	}
	Plain struct { // has no key
		actor.Tells[Shelf]
		Seq int
	}
	Large struct {
		actor.Tells[Shelf]
		Data actor.Buffer
	}
	Which struct{ actor.Asks[Shelf, Me] }
	Owner struct { // which member has a key
		actor.Asks[Shelf, Me]
		Key int
	}
	Weigh struct {
		actor.Asks[Shelf, Me]
		Data actor.Buffer
	}
	End struct { // ends the member in order
		actor.Tells[Shelf]
	}
	Fill struct { // asked of one process: send so many to a pool
		actor.Asks[Shelf, Me]
		To            actor.Ref[Shelf]
		From, Keys, N int
	}
	Entry struct {
		actor.Tells[Ledger]
		Member         uint32
		From, Key, Seq int
	}
	Settle struct{ actor.Asks[Shelf, Me] } // answered when the ledger has all that this member has told it
	Read   struct{ actor.Asks[Ledger, Book] }
	Book   struct{ Entries []Entry }
	Enroll struct { // joins a group, or leaves it
		actor.Asks[Shelf, Me]
		Group string
		Leave bool
	}
)

func (p Put) RouteKey() uint64   { return uint64(p.Key) }
func (o Owner) RouteKey() uint64 { return uint64(o.Key) }

var shelf = actor.Define("shelf", func(s *actor.Setup[Shelf]) error {
	var ledgerRef actor.Ref[Ledger]
	self := s.Self()
	book := func(c *actor.Context, e Entry) error {
		if ledgerRef.ID == 0 {
			ref, err := actor.Lookup[Ledger](c, "ledger")
			if err != nil {
				return nil // nobody keeps a book in this test
			}
			ledgerRef = ref
		}
		e.Member = self.ID
		return actor.Tell(c, ledgerRef, e)
	}
	me := func(c *actor.Context) Me { return Me{os.Getpid(), c.Incarnation()} }
	actor.OnTell(s, func(c *actor.Context, p Put) error {
		if p.From < 0 {
			return nil // not for the book
		}
		return book(c, Entry{From: p.From, Key: p.Key, Seq: p.Seq})
	})
	actor.OnTell(s, func(c *actor.Context, p Plain) error { return book(c, Entry{Seq: p.Seq}) })
	actor.OnTell(s, func(c *actor.Context, p Large) error { return book(c, Entry{Seq: p.Data.Len()}) })
	actor.OnAsk(s, func(c *actor.Context, _ Which) (Me, error) { return me(c), nil })
	actor.OnAsk(s, func(c *actor.Context, _ Settle) (Me, error) {
		if ledgerRef.ID == 0 {
			return me(c), nil
		}
		_, err := actor.Ask(c, ledgerRef, Read{})
		return me(c), err
	})
	actor.OnAsk(s, func(c *actor.Context, _ Owner) (Me, error) { return me(c), nil })
	actor.OnAsk(s, func(c *actor.Context, w Weigh) (Me, error) {
		return Me{PID: os.Getpid(), Incarnation: w.Data.Len()}, nil
	})
	actor.OnTell(s, func(c *actor.Context, _ End) error { c.Stop(); return nil })
	actor.OnAsk(s, func(c *actor.Context, f Fill) (Me, error) {
		for i := range f.N {
			if err := actor.Tell(c, f.To, Put{From: f.From, Key: i % f.Keys, Seq: i / f.Keys}); err != nil {
				return Me{}, err
			}
		}
		all, err := actor.Members(c, f.To)
		for _, m := range all {
			_, e := actor.Ask(c, m, Settle{}) // after all that this process has sent to it
			if !errors.As(e, new(*actor.GoneError)) {
				err = errors.Join(err, e)
			}
		}
		return me(c), err
	})
	actor.OnAsk(s, func(c *actor.Context, e Enroll) (Me, error) {
		if e.Leave {
			return me(c), actor.Leave(c, self, e.Group)
		}
		return me(c), actor.Join(c, self, e.Group)
	})
	actor.OnStream(s, actor.StreamPolicy{}, func(r *actor.StreamReader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if group := os.Getenv("SHELF_GROUP"); group != "" {
		return actor.Join(s.Context(), self, group)
	}
	return nil
})

var ledger = actor.Define("ledger", func(s *actor.Setup[Ledger]) error {
	var b Book
	actor.OnTell(s, func(c *actor.Context, e Entry) error { b.Entries = append(b.Entries, e); return nil })
	actor.OnAsk(s, func(c *actor.Context, _ Read) (Book, error) { return b, nil })
	return nil
})

func startPool(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, p supervisor.Pool) actor.Ref[Shelf] {
	t.Helper()
	if p.Member.Stderr == nil {
		p.Member.Stderr = io.Discard
	}
	ref, err := supervisor.StartPool(ctx, sup, shelf, p)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func startShelf(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, c supervisor.Child) actor.Ref[Shelf] {
	t.Helper()
	c.Stderr = io.Discard
	ref, err := supervisor.StartChild(ctx, sup, shelf, c)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func startLedger(t testing.TB, ctx context.Context, sup *supervisor.Supervisor) actor.Ref[Ledger] {
	t.Helper()
	ref, err := supervisor.Start(ctx, sup, ledger)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func ask[M actor.AskedOf[Shelf, Me]](t testing.TB, ctx context.Context, ref actor.Ref[Shelf], m M) Me {
	t.Helper()
	me, err := actor.Ask(ctx, ref, m)
	if err != nil {
		t.Fatal(err)
	}
	return me
}

func members(t testing.TB, ctx context.Context, ref actor.Ref[Shelf]) []actor.Ref[Shelf] {
	t.Helper()
	all, err := actor.Members(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// entries waits until every member has handled what this process has told it,
// and returns what the ledger has then.
func entries(t testing.TB, ctx context.Context, pool actor.Ref[Shelf], book actor.Ref[Ledger]) []Entry {
	t.Helper()
	for _, m := range members(t, ctx, pool) {
		ask(t, ctx, m, Settle{})
	}
	b, err := actor.Ask(ctx, book, Read{})
	if err != nil {
		t.Fatal(err)
	}
	return b.Entries
}

// entriesOf is entries when members have ended that told the ledger something.
func entriesOf(t testing.TB, ctx context.Context, pool actor.Ref[Shelf], book actor.Ref[Ledger], n int) []Entry {
	t.Helper()
	got := entries(t, ctx, pool, book)
	for range 10000 { // each is a round trip: the lanes of those that have ended are read meanwhile
		if len(got) >= n {
			break
		}
		b, err := actor.Ask(ctx, book, Read{})
		if err != nil {
			t.Fatal(err)
		}
		got = b.Entries
	}
	return got
}
