package node

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

// script is the supervisor's end of a node's link, in the hands of a test: what
// it says, and when, is what a supervisor may say in an order that is rare.
type script struct {
	t    *testing.T
	link transport.Link
	node *Node
	full atomic.Bool // the kernel takes no more descriptors of the node
}

// fullLink is the node's end of its link.
type fullLink struct {
	transport.Link
	full *atomic.Bool
}

func (l fullLink) Send(frame []byte, files []transport.File) error {
	if len(files) > 0 && l.full.Load() {
		return errTooMany
	}
	return l.Link.Send(frame, files)
}

var errTooMany = errors.New("too many references")

func newScript(t *testing.T) *script {
	t.Helper()
	testutil.Audit(t)
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	own, err := sock.New(a)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := sock.New(b)
	if err != nil {
		t.Fatal(err)
	}
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	s := &script{t: t, link: own}
	s.say(&wire.Begin{Version: wire.Version, Self: wire.Addr{ID: 1, Incarnation: 1}, Name: "one"})
	if s.node, err = New(Config{Link: fullLink{theirs, &s.full}, Notifier: n}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.node.Close()
		own.Close()
	})
	return s
}

func (s *script) say(f wire.Frame, files ...transport.File) {
	s.t.Helper()
	if err := s.link.Send(wire.Append(nil, f), files); err != nil {
		s.t.Fatal(err)
	}
}

// hear returns the next frame of the node. Its descriptors are closed.
func (s *script) hear() wire.Frame {
	s.t.Helper()
	buf := make([]byte, wire.MaxFrame)
	n, files, err := s.link.Receive(buf)
	if err != nil {
		s.t.Fatal(err)
	}
	closeFiles(files)
	f, err := wire.Parse(buf[:n])
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// target opens the lane to number 2.
func (s *script) target() *Target {
	s.t.Helper()
	done := make(chan *Target, 1)
	go func() {
		t, err := s.node.Target(background, 2)
		if err != nil {
			s.t.Error(err)
		}
		done <- t
	}()
	r := s.hear().(*wire.Resolve)
	s.say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "two", Mailbox: mailbox.Config{}.Wire()})
	if f, ok := s.hear().(*wire.Open); !ok {
		s.t.Fatalf("%T, want an Open", f)
	}
	t := <-done
	if t == nil {
		s.t.FailNow()
	}
	return t
}

// TestLaneThatNobodyHolds: a lane that could not be handed to the supervisor is no
// lane: who wanted it gets the error, and who comes next another one.
func TestLaneThatNobodyHolds(t *testing.T) {
	s := newScript(t)
	s.full.Store(true)
	failed := make(chan error, 1)
	go func() {
		_, err := s.node.Target(background, 2)
		failed <- err
	}()
	r := s.hear().(*wire.Resolve)
	s.say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "two", Mailbox: mailbox.Config{}.Wire()})
	if err := <-failed; !errors.Is(err, errTooMany) {
		t.Fatal(err)
	}
	if t2 := s.node.Known(2); t2 != nil {
		t.Fatalf("a target is kept whose lane nobody holds: %+v", t2)
	}
	s.full.Store(false)
	s.target()
}

// TestSegmentTakenBackEarly: a segment that is taken back before its lane has come
// is nothing to close at the end.
func TestSegmentTakenBackEarly(t *testing.T) {
	s := newScript(t)
	s.say(&wire.Segment{Peer: wire.Addr{ID: 9, Incarnation: 1}, ID: 3})
	s.target() // the frame before has been handled
}

type parcel struct{ File mailbox.File }

// TestFirstFileToOneThatEnds: the end of a target comes while the first file for
// it waits for the supervisor's word. The send fails, and the link is read on.
func TestFirstFileToOneThatEnds(t *testing.T) {
	for range testutil.Rounds(20, 1000) {
		s := newScript(t)
		target := s.target()
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		typ, err := codec.Of[parcel]()
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan error, 1)
		go func() { sent <- mailbox.Send(target.box, wire.EntryTell, 0, 0, typ, &parcel{mailbox.File{File: f}}) }()
		p := s.hear().(*wire.Passage)
		s.say(&wire.Gone{ID: 2})
		s.say(&wire.Ack{Token: p.Token})
		select {
		case err := <-sent:
			if !errors.Is(err, transport.ErrClosed) {
				t.Fatalf("the file was sent: %v", err)
			}
		case <-time.After(testutil.HangGuard):
			t.Fatal("the send hangs")
		}
		if f, ok := s.hear().(*wire.Closed); !ok {
			t.Fatalf("%T, want a Closed", f)
		}
	}
}

type note struct{ N int }

// TestEndedTargetIsForgotten: of a target that has ended nothing is kept but
// what was sent to it. Who sends to it asks the supervisor how it ended.
func TestEndedTargetIsForgotten(t *testing.T) {
	s := newScript(t)
	target := s.target()
	typ, err := codec.Of[note]()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := mailbox.Send(target.box, wire.EntryTell, 0, 0, typ, &note{n}); err != nil {
			t.Fatal(err)
		}
	}
	s.say(&wire.Gone{ID: 2})
	if f, ok := s.hear().(*wire.Closed); !ok {
		t.Fatalf("%T, want a Closed", f)
	}
	for start := time.Now(); s.node.Known(2) != nil; runtime.Gosched() {
		if time.Since(start) > testutil.HangGuard {
			t.Fatal("the target is kept")
		}
	}
	if n := s.node.Traffic().Small; n != 3 {
		t.Errorf("%d messages were sent, want 3", n)
	}
	failed := make(chan error, 1)
	go func() {
		again, err := s.node.Target(background, 2)
		if err == nil {
			_, err = again.Outbox()
		}
		failed <- err
	}()
	r := s.hear().(*wire.Resolve)
	s.say(&wire.Target{Token: r.Token, State: wire.TargetGone, ID: 2, Name: "two", Exit: wire.Exit{Summary: "all said"}})
	if g := new(GoneError); !errors.As(<-failed, &g) || g.Exit.Summary != "all said" {
		t.Errorf("%v", g)
	}
}
