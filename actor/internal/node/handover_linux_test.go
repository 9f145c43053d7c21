package node

import (
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// hand is an actor's part in its replacement.
type hand struct {
	t     *testing.T
	busy  atomic.Bool
	gives atomic.Int32
}

func (h *hand) Busy() bool { return h.busy.Load() }

func (h *hand) Give() (State, error) {
	if h.busy.Load() {
		h.t.Error("it hands over, and is busy")
	}
	h.gives.Add(1)
	return State{Type: 7, Name: "state", Bytes: []byte{1}}, nil
}

func (h *hand) Take(State) error { return nil }

// heard returns when the node has dealt with all that was said to it before.
func (s *script) heard() {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.node.Resolve(background, "nobody")
	}()
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetUnknown})
	<-done
}

// giveTo is the incarnation to which the node hands over, or has handed over.
func (n *Node) giveTo() uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hand.asked
}

// TestHandsOverOnce: an actor that is to be replaced goes on while it is busy, then hands
// over once, and handles nothing more, however often it looks; when the replacement is
// given up it goes on, and hands over to the next one.
func TestHandsOverOnce(t *testing.T) {
	s := newScript(t)
	typ, err := codec.Of[note]()
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{t: t}
	s.node.OnHandover(h)
	out := s.lane(1)
	send := func() {
		t.Helper()
		if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, &note{}); err != nil {
			t.Fatal(err)
		}
		s.node.Kick() // nobody here wakes it
	}
	var stop, given atomic.Bool
	handled, ended := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.node.Serve(map[codec.ID]mailbox.Handler{typ.ID(): func(*mailbox.Message, []byte) error {
			if given.Load() {
				t.Error("a message was handled after it had handed over")
			}
			handled <- struct{}{}
			return nil
		}}, nil, &stop)
	}()
	h.busy.Store(true)
	s.Say(&wire.Handover{Successor: 2, Step: wire.StepGive})
	s.heard()
	send()
	<-handled
	h.busy.Store(false)
	s.node.Kick()
	if f := wiretest.Hear[*wire.State](s.Peer); f.Successor != 2 || f.Type != 7 {
		t.Errorf("%+v", f)
	}
	given.Store(true)
	send()
	s.Say(&wire.Handover{Successor: 9, Step: wire.StepGoOn}) // of another replacement
	for range 10 {
		s.node.Kick()
		s.heard()
	}
	if n := s.node.giveTo(); n != 2 {
		t.Errorf("it waits for incarnation %d, want 2", n)
	}
	given.Store(false)
	s.Say(&wire.Handover{Successor: 2, Step: wire.StepGoOn})
	<-handled
	s.Say(&wire.Handover{Successor: 3, Step: wire.StepGive})
	if f := wiretest.Hear[*wire.State](s.Peer); f.Successor != 3 {
		t.Errorf("%+v", f)
	}
	if n := h.gives.Load(); n != 2 {
		t.Errorf("it has handed over %d times", n)
	}
	stop.Store(true)
	s.node.Kick()
	<-ended
}
