package node

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// hand is an actor's part in its replacement.
type hand struct {
	t     *testing.T
	busy  atomic.Bool
	gives atomic.Int32
	gift  State  // what it gives
	taken []byte // what it has taken
}

func (h *hand) Busy() bool { return h.busy.Load() }

func (h *hand) Give() (State, error) {
	if h.busy.Load() {
		h.t.Error("it hands over, and is busy")
	}
	h.gives.Add(1)
	return h.gift, nil
}

func (h *hand) Take(s State) error {
	h.taken = slices.Clone(s.Bytes)
	return nil
}

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
	h := &hand{t: t, gift: State{Type: 7, Name: "state", Bytes: []byte{1}}}
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

// TestNoticeBeforeAHandover: an actor that is to be replaced first hears of the end of a
// linked one: its successor would not.
func TestNoticeBeforeAHandover(t *testing.T) {
	s := newScript(t)
	h := &hand{t: t}
	s.node.OnHandover(h)
	if err := s.node.Trap(func(wire.Exit) {}); err != nil {
		t.Fatal(err)
	}
	wiretest.Hear[*wire.Trap](s.Peer)
	hands := func(want bool, when string) {
		t.Helper()
		if concerned, hold := s.node.replacing(); !concerned || hold != want || h.gives.Load() > 0 != want {
			t.Errorf("%s: concerned %v, hold %v, handed over %d times; want it to hand over: %v", when, concerned, hold, h.gives.Load(), want)
		}
	}
	linked := wire.Addr{ID: 9, Incarnation: 1}
	if err := mailbox.Send(s.lane(linked.Incarnation), wire.EntryTell, 0, 0, typeOf[note](t), &note{}); err != nil {
		t.Fatal(err)
	}
	s.Say(&wire.Linked{Exit: wire.Exit{Addr: linked}})
	s.Say(&wire.Retire{From: linked})
	s.Say(&wire.Handover{Successor: 2, Step: wire.StepGive})
	s.settle()
	s.node.deliverNotices()
	hands(false, "a message of the linked actor is unread")
	s.rounds()
	wiretest.Hear[*wire.Drained](s.Peer)
	s.Say(&wire.Linked{Exit: wire.Exit{Addr: wire.Addr{ID: 10, Incarnation: 1}}})
	s.settle()
	s.node.deliverNotices()
	hands(false, "a notice was not handed out")
	s.node.deliverDowns()
	hands(true, "all were")
	wiretest.Hear[*wire.State](s.Peer)
}

// TestStateInMemory: of the memory in which a state crosses, neither side keeps anything.
func TestStateInMemory(t *testing.T) {
	s := newScript(t)
	const size = len("all of it")
	mem, err := segment.Create("state", size, segment.Options{Keepable: true})
	if err != nil {
		t.Fatal(err)
	}
	copy(mem.Bytes(), "all of it")
	h := &hand{t: t, gift: State{Type: 7, Name: "state", Bytes: mem.Bytes()[:size], Memory: mem}}
	s.node.OnHandover(h)
	s.Say(&wire.Handover{Successor: 2, Step: wire.StepGive})
	s.heard()
	s.node.replacing()
	f, files := wiretest.HearAll[*wire.State](s.Peer)
	if f.Size != uint64(size) || len(files) != 1 || len(f.Bytes) > 0 {
		t.Fatalf("%+v with %d files", f, len(files))
	}
	s.Say(&wire.Handover{Successor: 2, Step: wire.StepStandBy}) // now it is the successor
	for _, c := range []struct{ size, what uint64 }{{f.Size, wire.TakenWhole}, {1<<46 + 1, wire.TakenRefused}} {
		f.Size = c.size
		s.Say(f, files...)
		s.heard()
		s.node.replacing()
		if got := wiretest.Hear[*wire.Taken](s.Peer); got.What != uint8(c.what) {
			t.Errorf("a state of %d bytes: %+v, want %d", c.size, got, c.what)
		}
	}
	closeFiles(files)
	if string(h.taken) != "all of it" {
		t.Errorf("%q was taken", h.taken)
	}
}
