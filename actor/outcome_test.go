package actor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// TestRedelivery: a message survives one death of its handler and is
// quarantined at the second, and its ask stays open in between.
func TestRedelivery(t *testing.T) {
	for _, form := range forms(t) {
		t.Run(form, func(t *testing.T) {
			var letters atomic.Int32
			ctx, sup, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
				if l.Reason == supervisor.LetterQuarantined {
					letters.Add(1)
				}
			}}, supervisor.Child{Mailbox: mailbox.Config{Queue: form, Redeliver: 2}})
			_, err := actor.Ask(ctx, ref, Do{What: "panic"})
			if d := new(actor.DeathError); !errors.As(err, &d) {
				t.Fatal(err)
			}
			s, err := actor.Ask(ctx, ref, Add{A: 1, B: 2})
			if err != nil || s.Incarnation != 3 {
				t.Fatalf("%+v, %v: want the third incarnation", s, err)
			}
			if letters.Load() != 1 || sup.Restarts() != 2 {
				t.Fatalf("%d quarantined, %d restarts", letters.Load(), sup.Restarts())
			}
			// The second incarnation gets it right.
			if s, err := actor.Ask(ctx, ref, Do{What: "panic once"}); err != nil || s.N != 1 {
				t.Fatalf("%+v, %v", s, err)
			}
			// A death between two messages is no attempt of the next one.
			before := sup.Restarts()
			if err := sup.Kill(ref.ID); err != nil {
				t.Fatal(err)
			}
			for sup.Restarts() == before && ctx.Err() == nil {
				runtime.Gosched()
			}
			if s, err := actor.Ask(ctx, ref, Do{What: "panic once"}); err != nil || s.N != 1 || sup.Restarts() != before+2 {
				t.Fatalf("%+v, %v, %d restarts: want %d", s, err, sup.Restarts(), before+2)
			}
		})
	}
}

// TestKillIsNotCharged: a death that the program asks for costs the message in
// hand nothing, however often.
func TestKillIsNotCharged(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	done := make(chan error, 1)
	go func() {
		_, err := actor.Ask(ctx, ref, Do{What: "hang until 4"})
		done <- err
	}()
	for n := range uint64(3) {
		for errors.Is(sup.Kill(ref.ID), supervisor.ErrNotRunning) && ctx.Err() == nil {
		}
		for sup.Restarts() < n+1 && ctx.Err() == nil {
			runtime.Gosched()
		}
	}
	if err := <-done; err != nil || sup.DeadLetters() != 0 {
		t.Fatal(err, sup.DeadLetters())
	}
}

// TestTellErrorIsALetter: the error of a tell's handler is a dead letter, not
// a death.
func TestTellErrorIsALetter(t *testing.T) {
	got := make(chan supervisor.Letter, 1)
	ctx, _, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) { got <- l }}, supervisor.Child{})
	if err := actor.Tell(ctx, ref, Tell{What: "fail"}); err != nil {
		t.Fatal(err)
	}
	select {
	case l := <-got:
		if l.Reason != supervisor.LetterHandlerError || l.Text != "as asked" || l.To != ref.ID {
			t.Fatalf("%+v", l)
		}
		if to, err := actor.Lookup[Worker](ctx, l.Child); err != nil || to != ref {
			t.Fatalf("%q is %v, %v", l.Child, to, err)
		}
	case <-ctx.Done():
		t.Fatal("no letter")
	}
	if s, err := actor.Ask(ctx, ref, Add{}); err != nil || s.Incarnation != 1 {
		t.Fatal(s, err)
	}
}

// TestUnhandled: a message without a handler is refused clearly.
func TestUnhandled(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	_, err := actor.Ask(ctx, ref, Stranger{})
	if !errors.Is(err, actor.ErrUnhandled) || !strings.Contains(err.Error(), "OnTell or OnAsk") || !strings.Contains(err.Error(), "actor_test.Stranger") {
		t.Fatal(err)
	}
}

// Stranger has no handler in worker.
type Stranger struct {
	actor.Asks[Worker, Sum]
	N int
}

// TestUnhandledLetter: the dead letter of a message that the actor does not know has
// the name of its type, which only the sender can tell.
func TestUnhandledLetter(t *testing.T) {
	got := make(chan supervisor.Letter, 1)
	ctx, _, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) { got <- l }}, supervisor.Child{})
	if err := actor.Tell(ctx, ref, StrangeTale{}); err != nil {
		t.Fatal(err)
	}
	select {
	case l := <-got:
		if l.Reason != supervisor.LetterUnhandled || !strings.HasSuffix(l.Name, "actor_test.StrangeTale") {
			t.Fatalf("%+v", l)
		}
	case <-ctx.Done():
		t.Fatal("no letter")
	}
}

// StrangeTale has no handler in worker.
type StrangeTale struct {
	actor.Tells[Worker]
	Text string
}

// Bad cannot cross a process boundary.
type Bad struct {
	actor.Asks[Bads, Sum]
	Inner struct{ Callback func() }
}
type Bads struct{}

var bads = actor.Define("bads", func(s *actor.Setup[Bads]) error {
	actor.OnAsk(s, func(*actor.Context, Bad) (Sum, error) { return Sum{}, nil })
	return nil
})

// TestUnsupportedField: the start fails with the path of the field, and so
// does a send.
func TestUnsupportedField(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	_, err := supervisor.Start(ctx, sup, bads)
	if err == nil || !strings.Contains(err.Error(), "Inner.Callback") {
		t.Fatal(err)
	}
	if _, err = actor.Ask(ctx, actor.Ref[Bads]{ID: 1}, Bad{}); err == nil || !strings.Contains(err.Error(), "Inner.Callback") {
		t.Fatal(err)
	}
}

// TestWrongRef: the zero Ref, and no program.
func TestWrongRef(t *testing.T) {
	ctx, _, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	if _, err := actor.Ask(ctx, actor.Ref[Worker]{}, Add{}); err == nil || !strings.Contains(err.Error(), "zero Ref") {
		t.Fatal(err)
	}
	if _, err := actor.Ask(ctx, actor.Ref[Worker]{ID: 77}, Add{}); err == nil {
		t.Fatal("an actor that does not exist answered")
	}
}

// TestManyAsks: more asks at once than there are slots, from many goroutines.
func TestManyAsks(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	var wg sync.WaitGroup
	var bad atomic.Int32
	for g := range 600 {
		wg.Go(func() {
			for i := range testutil.Rounds(10, 100) {
				s, err := actor.Ask(ctx, ref, Add{A: g, B: i})
				if err != nil || s.N != g+i {
					bad.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := bad.Load(); n > 0 {
		t.Fatalf("%d wrong answers", n)
	}
}

// TestManyAsksUnderKill: every ask has one outcome while the actor is being
// killed.
func TestManyAsksUnderKill(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{Intensity: 1 << 20}, supervisor.Child{})
	progress := make(chan struct{}) // so that asks and kills take turns
	var killer sync.WaitGroup
	killer.Go(func() {
		n := 0
		for range progress {
			if n++; n%25 == 0 {
				_ = sup.Kill(ref.ID)
			}
		}
	})
	const askers = 8
	each := testutil.Rounds(100, 1000)
	var wg sync.WaitGroup
	for g := range askers {
		wg.Go(func() {
			for i := range each {
				s, err := actor.Ask(ctx, ref, Echo{Text: fmt.Sprint(g, i), Data: make([]byte, i*37)})
				if err != nil || s.Text != fmt.Sprint(g, i) || len(s.Data) != i*37 {
					t.Errorf("ask %d/%d: %v", g, i, err)
					return
				}
				progress <- struct{}{}
			}
		})
	}
	wg.Wait()
	close(progress)
	killer.Wait()
	if n := sup.DeadLetters(); n > 0 {
		t.Errorf("%d dead letters", n)
	}
	for sup.Restarts() == 0 && ctx.Err() == nil { // the last kill may take effect only now
		runtime.Gosched()
	}
	// A kill meets a child that is being restarted at times.
	if n := sup.Restarts(); n == 0 || n < uint64(askers*each/25/4) {
		t.Errorf("only %d restarts", n)
	}
}

// TestLookupByName: a Ref by the name of a child.
func TestLookupByName(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Name: "bob"})
	got, err := actor.Lookup[Worker](ctx, "bob")
	if err != nil || got != ref {
		t.Fatal(got, err)
	}
	_, err = actor.Lookup[Worker](ctx, "nobody")
	unknown := new(actor.UnknownError)
	if !errors.As(err, &unknown) || unknown.Name != "nobody" || unknown.ID != 0 {
		t.Fatalf("%v, want an UnknownError", err)
	}
	for _, word := range []string{`"nobody"`, "path below the program's supervisor", "start"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %s: %v", word, err)
		}
	}
}

// TestCancelledBeforeItIsRead: an ask whose asker has gone is skipped.
func TestCancelledBeforeItIsRead(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	dead, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := actor.Ask(dead, ref, Add{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s, err := actor.Ask(ctx, ref, Add{A: 5}); err != nil || s.N != 5 {
		t.Fatal(s, err)
	}
}

// forms is the forms of queue that this machine allows.
func forms(t *testing.T) (names []string) {
	for _, s := range lane.Probe() {
		if s.Err != nil {
			t.Logf("%s is refused by this machine: %v", s.Form.Name, s.Err)
			continue
		}
		names = append(names, s.Form.Name)
	}
	return names
}
