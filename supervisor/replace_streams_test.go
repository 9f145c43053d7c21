package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// A Funnel reads streams, and sends them.
type Funnel struct{}

type (
	Pour struct { // begins a stream, and leaves it open
		actor.Asks[Funnel, Poured]
		To actor.Ref[Funnel]
	}
	Drip struct { // how a stream to it has ended, if one has
		actor.Asks[Funnel, Poured]
	}
	Poured struct {
		Incarnation int
		Bytes       int64
		Error       string
	}
)

var funnel = actor.Define("funnel", func(s *actor.Setup[Funnel]) error {
	ended := make(chan Poured, 10)
	actor.OnStream(s, actor.StreamPolicy{}, func(r *actor.StreamReader) error {
		n, err := io.Copy(io.Discard, r)
		p := Poured{Bytes: n}
		if err != nil {
			p.Error = err.Error()
		}
		ended <- p
		if r.Name() != "" {
			sleepUntil(r.Name())
		}
		return err
	})
	actor.OnAsk(s, func(c *actor.Context, m Pour) (Poured, error) {
		w, err := actor.NewStream(context.WithoutCancel(c), m.To, "", 100, nil)
		if err == nil {
			_, err = w.Write(make([]byte, 10))
		}
		return Poured{}, err
	})
	actor.OnAsk(s, func(c *actor.Context, _ Drip) (p Poured, err error) {
		select {
		case p = <-ended:
		default:
		}
		p.Incarnation = c.Incarnation()
		return p, nil
	})
	return nil
})

// dripped waits until a stream to a funnel has ended.
func dripped(t *testing.T, ctx context.Context, ref actor.Ref[Funnel]) Poured {
	t.Helper()
	for {
		p, err := actor.Ask(ctx, ref, Drip{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Bytes > 0 || p.Error != "" {
			return p
		}
	}
}

func startFunnels(t *testing.T, n int) (ctx context.Context, sup *supervisor.Supervisor, all []actor.Ref[Funnel]) {
	t.Helper()
	testutil.Audit(t)
	ctx, sup, _ = newSup(t, supervisor.Spec{})
	for i := range n {
		ref, err := supervisor.StartChild(ctx, sup, funnel, supervisor.Child{Name: fmt.Sprint("funnel", i), Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ref)
	}
	return ctx, sup, all
}

// TestReplaceWaitsForStreams: an actor is not replaced while a stream to it is open, for
// which no other process could go on; it is as soon as the last one has ended, even if
// nothing else comes.
func TestReplaceWaitsForStreams(t *testing.T) {
	ctx, sup, all := startFunnels(t, 1)
	ref, pipe := all[0], newPipe(t)
	w, err := actor.NewStream(ctx, ref, "", 1<<20, nil)
	if err == nil {
		_, err = w.Write(make([]byte, 1<<19))
	}
	if err != nil {
		t.Fatal(err)
	}
	inner, cancel := context.WithCancel(ctx)
	left, err := actor.NewStream(inner, ref, pipe, 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := left.Close(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if p := dripped(t, ctx, ref); p.Error == "" {
		t.Errorf("the one that was given up: %+v", p)
	}
	done := make(chan error, 1)
	go func() { done <- sup.Replace(ctx, ref.ID, supervisor.Replacement{}) }()
	open := func(what string) {
		t.Helper()
		select {
		case err := <-done:
			t.Fatalf("it was replaced though %s: %v", what, err)
		case <-time.After(200 * time.Millisecond): // a replacement takes less
		}
	}
	open("two streams are open")
	if _, err := w.Write(make([]byte, 1<<19)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if p := dripped(t, ctx, ref); p.Bytes != 1<<20 || p.Error != "" || p.Incarnation != 1 {
		t.Errorf("%+v", p)
	}
	open("the function of one is running")
	(&replaceTest{T: t, file: pipe}).goOn()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if p, err := actor.Ask(ctx, ref, Drip{}); err != nil || p.Incarnation != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	sup.Shutdown()
}

// TestReplacedSenderOfAStream: a stream ends with the process that sends it, also if that
// is replaced, which is no end for others.
func TestReplacedSenderOfAStream(t *testing.T) {
	ctx, sup, all := startFunnels(t, 2)
	if _, err := actor.Ask(ctx, all[0], Pour{To: all[1]}); err != nil {
		t.Fatal(err)
	}
	if err := sup.Replace(ctx, all[0].ID, supervisor.Replacement{}); err != nil {
		t.Fatal(err)
	}
	if p := dripped(t, ctx, all[1]); !strings.Contains(p.Error, "the sender has ended") {
		t.Errorf("%+v", p)
	}
	sup.Shutdown()
}
