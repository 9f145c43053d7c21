package node

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// newParking is a script of a node that parks.
func newParking(t *testing.T) *script {
	t.Helper()
	n, err := notify.NewEventfd()
	if err != nil {
		t.Fatal(err)
	}
	return newScriptOf(t, Config{Notifier: n, Parks: true})
}

// laneAndState makes a lane to the node, and returns the word in which the node tells its
// sender that it sleeps.
func (s *script) laneAndState() (*mailbox.Outbox, transport.Word) {
	s.t.Helper()
	o := s.lane(1)
	for {
		if b := s.node.inboxOf(wire.Addr{ID: 9, Incarnation: 1}); b != nil {
			return o, b.Sleep().State
		}
		runtime.Gosched() // its page has come, and it is about to be listed
	}
}

// notes serves the node's notes, which it counts. It returns when Serve does.
func (s *script) notes(count *atomic.Int32, stop *atomic.Bool) error {
	_, err := s.node.Serve(map[codec.ID]mailbox.Handler{typeOf[note](s.t).ID(): func(*mailbox.Message, []byte) error {
		count.Add(1)
		return nil
	}}, nil, stop)
	return err
}

// TestParkedSaysSo: while an actor is parked its peers know that they have to wake it,
// and that they need not any more before it goes on.
func TestParkedSaysSo(t *testing.T) {
	s := newParking(t)
	o, state := s.laneAndState()
	var count atomic.Int32
	var stop atomic.Bool
	typ := typeOf[note](t)
	for n := range int32(3) {
		if err := s.notes(&count, &stop); !errors.As(err, new(ParkedError)) {
			t.Fatalf("%v, want it to park", err)
		}
		if got := count.Load(); got != n {
			t.Errorf("%d messages were handled, want %d", got, n)
		}
		if state.Load()&transport.StateArmed == 0 {
			t.Error("it parks, and who sends to it does not know")
		}
		resumed := make(chan uint32, 1)
		s.node.Park(func() { resumed <- state.Load() })
		if err := mailbox.Send(o, wire.EntryTell, 0, 0, typ, &note{}); err != nil {
			t.Fatal(err)
		}
		if now := <-resumed; now&transport.StateArmed != 0 {
			t.Error("it goes on, and who sends to it takes it for asleep")
		}
	}
}

// TestParksOnlyWhenQuiet: a bell that is rung when the actor has looked at it, and has
// not said yet that it parks, wakes nobody: so it is looked at once more.
func TestParksOnlyWhenQuiet(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("one processor: nobody rings while the actor settles")
	}
	defer SetPolling(SetPolling(false))
	s := newParking(t)
	o, _ := s.laneAndState()
	n := s.node
	w := &loopWait{n: n}
	unpark := func() {
		n.setArmed(false)
		n.role <- struct{}{}
	}
	if n.system.Store(false); !n.settles(w) {
		t.Fatal("nobody rings, and it does not park")
	}
	unpark()
	var end atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !end.Load() {
			o.Cancel(1, transport.ReplySlots+1) // it rings, and is no message
		}
	}()
	for start := time.Now(); n.settles(w); unpark() {
		if time.Since(start) > testutil.HangGuard {
			t.Error("it parks whenever somebody rings")
			unpark()
			break
		}
	}
	end.Store(true)
	<-ended
	if w.poll() {
		t.Error("there was another reason not to park")
	}
}

// never is what does not happen.
type never struct{}

func (never) ready() bool { return false }
func (never) poll() bool  { return false }
func (never) loop() bool  { return false }
func (never) width() int  { return 0 }

// TestMessageWhileAnotherWaits: while another goroutine is the waiter, a message that
// comes wakes it, and it wakes the actor's loop.
func TestMessageWhileAnotherWaits(t *testing.T) {
	s := newScript(t)
	o, state := s.laneAndState()
	ctx, giveUp := context.WithCancel(background)
	defer giveUp()
	other := make(chan error, 1)
	go func() { other <- s.node.await(ctx, never{}, nil) }()
	for state.Load()&transport.StateArmed == 0 {
		runtime.Gosched()
	}
	var count atomic.Int32
	var stop atomic.Bool
	served := make(chan error, 1)
	go func() { served <- s.notes(&count, &stop) }()
	for all := make([]byte, 1<<20); !bytes.Contains(all[:runtime.Stack(all, true)], []byte("awaitOther")); {
		runtime.Gosched() // the loop has looked for messages, and will not by itself
	}
	if err := mailbox.Send(o, wire.EntryTell, 0, 0, typeOf[note](t), &note{}); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); count.Load() == 0; runtime.Gosched() {
		if time.Since(start) > testutil.HangGuard {
			t.Error("the message lies there while the other one waits")
			break
		}
	}
	stop.Store(true)
	s.node.wakeLoop()
	giveUp()
	if err := <-other; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.node.kick()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
