package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// script is the supervisor's end of a node's link, in the hands of a test: what
// it says, and when, is what a supervisor may say in an order that is rare.
type script struct {
	*wiretest.Peer
	t    *testing.T
	node *Node
	full atomic.Bool  // the kernel takes no more descriptors of the node
	late atomic.Bool  // what the node says of a lane that it has closed waits until it has closed the link
	log  bytes.Buffer // the node's; read when it has ended

	settled atomic.Uint32 // how often settle was called
}

// testLink is the node's end of its link.
type testLink struct {
	transport.Link
	script *script
	closed chan struct{}
}

func (l testLink) Send(frame []byte, files []transport.File) error {
	if len(files) > 0 && l.script.full.Load() {
		return errTooMany
	}
	if f, err := wire.Parse(frame); err == nil && f.Kind() == wire.KindClosed && l.script.late.Load() {
		<-l.closed
	}
	return l.Link.Send(frame, files)
}

func (l testLink) Close() error {
	defer close(l.closed)
	return l.Link.Close()
}

var errTooMany = errors.New("too many references")

func newScript(t *testing.T) *script {
	t.Helper()
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	return newScriptOf(t, Config{Notifier: n})
}

// newScriptOf is newScript of a node that is made so, but for its link and its log.
func newScriptOf(t *testing.T, cfg Config) *script {
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
	s := &script{t: t, Peer: &wiretest.Peer{T: t, Link: own}}
	s.Say(&wire.Begin{Version: wire.Version, Self: wire.Addr{ID: 1, Incarnation: 1}, Name: "one"})
	cfg.Link, cfg.Log = testLink{theirs, s, make(chan struct{})}, slog.New(slog.NewTextHandler(&s.log, nil))
	if s.node, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.node.Close()
		own.Close()
	})
	return s
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
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "two", Mailbox: mailbox.Config{}.Wire()})
	wiretest.Hear[*wire.Open](s.Peer)
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
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "two", Mailbox: mailbox.Config{}.Wire()})
	if err := <-failed; !errors.Is(err, errTooMany) {
		t.Fatal(err)
	}
	if t2 := s.node.Known(2); t2 != nil {
		t.Fatalf("a target is kept whose lane nobody holds: %+v", t2)
	}
	s.full.Store(false)
	s.target()
}

// TestLaneClosedAtTheEnd: a program ends while a target does. That its lane is
// closed need not be said any more, and is no trouble to be logged.
func TestLaneClosedAtTheEnd(t *testing.T) {
	s := newScript(t)
	s.target()
	s.late.Store(true)
	s.Say(&wire.Gone{ID: 2})
	for s.node.Known(2).gone.Load() == nil { // it is at the frame that says so, or about to be
		runtime.Gosched()
	}
	s.node.Close()
	if s.log.Len() > 0 {
		t.Error(s.log.String())
	}
}

// TestSegmentTakenBackEarly: a segment that is taken back before its lane has come
// is nothing to close at the end.
func TestSegmentTakenBackEarly(t *testing.T) {
	s := newScript(t)
	s.Say(&wire.Segment{Peer: wire.Addr{ID: 9, Incarnation: 1}, ID: 3})
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
		p := wiretest.Hear[*wire.Passage](s.Peer)
		s.Say(&wire.Gone{ID: 2})
		s.Say(&wire.Ack{Token: p.Token})
		select {
		case err := <-sent:
			if !errors.Is(err, transport.ErrClosed) {
				t.Fatalf("the file was sent: %v", err)
			}
		case <-time.After(testutil.HangGuard):
			t.Fatal("the send hangs")
		}
		wiretest.Hear[*wire.Closed](s.Peer)
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
	s.Say(&wire.Gone{ID: 2})
	wiretest.Hear[*wire.Closed](s.Peer)
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
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetGone, ID: 2, Name: "two", Exit: wire.Exit{Summary: "all said"}})
	if g := new(GoneError); !errors.As(<-failed, &g) || g.Exit.Summary != "all said" {
		t.Errorf("%v", g)
	}
}

// TestLeavesBeforeItsLane: an actor that is about to end has no lane from here yet,
// but somebody has asked for one. It gets none.
func TestLeavesBeforeItsLane(t *testing.T) {
	s := newScript(t)
	sent := make(chan error, 1)
	go func() {
		target, err := s.node.Target(background, 2)
		if err == nil {
			_, err = target.Outbox()
		}
		sent <- err
	}()
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	s.Say(&wire.Leaving{ID: 2})
	if f := wiretest.Hear[*wire.Closed](s.Peer); f.To != 2 {
		t.Fatalf("%+v, want one of number 2", f)
	}
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "two", Mailbox: mailbox.Config{}.Wire()})
	if g := new(GoneError); !errors.As(<-sent, &g) || g.Exit.Summary != wire.LeavingText {
		t.Errorf("%v", g)
	}
}

// TestShutOut: an actor closes the lane from here, since what came through it broke the
// rules. What it has answered counts; what it has not fails, as does what is sent from here on.
func TestShutOut(t *testing.T) {
	s := newScript(t)
	box := mailbox.Config{}.Wire()
	target, o, file := s.opened(box)
	in := s.accept(box, 1, o, file)
	typ, err := codec.Of[note]()
	if err != nil {
		t.Fatal(err)
	}
	var asks [2]*Ask
	for i := range asks {
		if asks[i], err = target.NewAsk(background); err != nil {
			t.Fatal(err)
		}
		if err := mailbox.Send(target.box, wire.EntryAsk, asks[i].ID, 0, typ, &note{1}); err != nil {
			t.Fatal(err)
		}
	}
	answer(t, in, typ)
	s.Say(&wire.Closed{To: 2})
	ctx, cancel := context.WithTimeout(background, testutil.HangGuard)
	defer cancel()
	if _, _, err := asks[0].Wait(ctx); err != nil {
		t.Errorf("an ask that was answered: %v", err)
	}
	_, _, err = asks[1].Wait(ctx)
	if g := new(GoneError); !errors.As(err, &g) || g.Lost != errRules {
		t.Errorf("an ask that was not answered: %v", err)
	}
	if _, err := target.Outbox(); !errors.Is(err, errRules) || target.Open() != nil {
		t.Errorf("a later one: %v", err)
	}
	for _, a := range asks {
		a.Free()
	}
	s.Say(&wire.Gone{ID: 2}) // then it has another lane when it is back
	wiretest.Hear[*wire.Closed](s.Peer)
}

// lane makes a lane to the node, of an incarnation of number 9.
func (s *script) lane(incarnation uint32) *mailbox.Outbox {
	s.t.Helper()
	return s.laneFrom(wire.Addr{ID: 9, Incarnation: incarnation}, mailbox.Sharing{})
}

// laneFrom makes a lane to the node.
func (s *script) laneFrom(from wire.Addr, sharing mailbox.Sharing) *mailbox.Outbox {
	s.t.Helper()
	box := mailbox.Config{}.Wire()
	n, err := notify.Best()
	if n == nil {
		s.t.Fatal(err)
	}
	out, f, files, err := lane.Create(lane.Config{Queue: wire.QueueRing, Cells: int(box.RingBytes)}, 1, n)
	if err != nil {
		s.t.Fatal(err)
	}
	o := mailbox.NewOutbox(box, out, sharing)
	s.t.Cleanup(func() {
		o.Close()
		n.Close()
	})
	s.Say(&wire.Lane{From: from, Queue: f.Queue, Cells: f.Cells, Size: f.Size, Bell: f.Bell}, files...)
	page, back := wiretest.HearAll[*wire.Page](s.Peer)
	peer, err := lane.OpenPeer(page, back)
	if err != nil {
		s.t.Fatal(err)
	}
	o.Install(peer, transport.Place{})
	return o
}

// TestSuccessorWaitsForItsPredecessor: while a sender is being replaced both of
// its incarnations are alive. What the new one sends is handled after all that the
// old one had sent by then.
func TestSuccessorWaitsForItsPredecessor(t *testing.T) {
	s := newScript(t)
	older, newer := s.lane(1), s.lane(2)
	typ, err := codec.Of[note]()
	if err != nil {
		t.Fatal(err)
	}
	const n = 3 * turn
	for i := range n {
		if err := mailbox.Send(older, wire.EntryTell, 0, 0, typ, &note{i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := mailbox.Send(newer, wire.EntryTell, 0, 0, typ, &note{n}); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	next := 0
	_, err = s.node.Serve(map[codec.ID]mailbox.Handler{typ.ID(): func(_ *mailbox.Message, body []byte) error {
		var v note
		if err := codec.Decode(typ, body, &v, nil); err != nil {
			return err
		}
		if v.N != next {
			t.Errorf("%d was handled when %d came next", v.N, next)
		}
		next++
		stop.Store(next > n)
		return nil
	}}, nil, &stop)
	if err != nil || next != n+1 {
		t.Errorf("%d messages, %v", next, err)
	}
}

// opened opens the lane to number 2, and returns its receiving end too.
func (s *script) opened(box wire.Mailbox) (*Target, *wire.Open, *os.File) {
	s.t.Helper()
	done := make(chan *Target, 1)
	go func() {
		target, err := s.node.Target(background, 2)
		if err != nil {
			s.t.Error(err)
		}
		done <- target
	}()
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: 2, Name: "two", Mailbox: box})
	f, files := wiretest.HearAll[*wire.Open](s.Peer)
	if len(files) > 1 {
		closeFiles(files)
		s.t.Skip("notifiers have descriptors here")
	}
	return <-done, f, files[0].(*os.File)
}

// accept reads that lane as an incarnation of number 2, whose page the node gets.
func (s *script) accept(box wire.Mailbox, number uint32, o *wire.Open, file *os.File) *mailbox.Inbox {
	s.t.Helper()
	n, err := notify.Best()
	if n == nil {
		s.t.Fatal(err)
	}
	in, page, out, err := lane.Accept(&wire.Lane{From: wire.Addr{ID: 1, Incarnation: 1}, Queue: o.Queue, Cells: o.Cells, Size: o.Size}, []transport.File{file}, n)
	if err != nil {
		s.t.Fatal(err)
	}
	inbox := mailbox.NewInbox("one", box, in, number<<16, mailbox.Sharing{})
	s.t.Cleanup(func() {
		inbox.Close()
		n.Close()
	})
	t := s.node.Known(2)
	before := t.box.Peer()
	page.Peer = wire.Addr{ID: 2, Incarnation: number}
	s.Say(page, out...)
	for t.box.Peer() == before {
		runtime.Gosched()
	}
	return inbox
}

// TestAnswerInThePageBefore: an answer that its actor gave before it died is there
// although nobody has looked for it when the page of the next incarnation comes.
func TestAnswerInThePageBefore(t *testing.T) {
	s := newScript(t)
	box := mailbox.Config{}.Wire()
	target, o, file := s.opened(box)
	second, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	in := s.accept(box, 1, o, file)
	typ, err := codec.Of[note]()
	if err != nil {
		t.Fatal(err)
	}
	a, err := target.NewAsk(background)
	if err != nil {
		t.Fatal(err)
	}
	if err := mailbox.Send(target.box, wire.EntryAsk, a.ID, 0, typ, &note{1}); err != nil {
		t.Fatal(err)
	}
	answer(t, in, typ)
	s.accept(box, 2, o, os.NewFile(uintptr(second), "lane"))
	if !a.ready() {
		t.Fatal("the answer is lost")
	}
	peer, body, err := a.Wait(background)
	if err != nil {
		t.Fatal(err)
	}
	var v note
	if err := mailbox.DecodeReply(peer, body, typ, &v); err != nil || v.N != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	a.Free()
}

// answer answers the oldest ask of in.
func answer(t *testing.T, in *mailbox.Inbox, typ *codec.Type) {
	t.Helper()
	var m mailbox.Message
	if err := in.Next(&m); err != nil {
		t.Fatal(err)
	}
	if err := mailbox.Reply(&m, typ, &note{2}); err != nil {
		t.Fatal(err)
	}
	in.Done(&m)
}
