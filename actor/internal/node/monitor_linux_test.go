package node

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// monitor places a monitor of a number, and returns what takes it back, and its token.
func (s *script) monitor(id uint32, notice func(wire.Exit)) (cancel func(), token uint64) {
	s.t.Helper()
	done := make(chan func(), 1)
	go func() {
		cancel, err := s.node.Monitor(background, id, notice, false)
		if err != nil {
			s.t.Error(err)
		}
		done <- cancel
	}()
	m := wiretest.Hear[*wire.Monitor](s.Peer)
	s.Say(&wire.Ack{Token: m.Token})
	if cancel = <-done; cancel == nil {
		s.t.FailNow()
	}
	return cancel, m.Token
}

// TestNoticeTakenBackByOneBefore: two notices are there for the actor at the same time.
// The handler of the first takes the second one back, and does not get it.
func TestNoticeTakenBackByOneBefore(t *testing.T) {
	s := newScript(t)
	var cancels []func()
	for id := range uint32(3) {
		cancel, token := s.monitor(20+id, nil)
		cancels = append(cancels, cancel)
		s.Say(&wire.Down{Token: token, Exit: wire.Exit{Addr: wire.Addr{ID: 20 + id, Incarnation: 1}}})
	}
	s.settle()
	var got []uint32
	s.node.onDown = func(e wire.Exit) {
		if got = append(got, e.Addr.ID); e.Addr.ID == 20 {
			cancels[1]()
		}
	}
	s.node.deliverDowns()
	if !slices.Equal(got, []uint32{20, 22}) {
		t.Errorf("notices of %v came, want those of 20 and 22: the first has taken the second one back", got)
	}
}

// TestLinkTakenBackByANotice is the same for the end of a linked actor.
func TestLinkTakenBackByANotice(t *testing.T) {
	s := newScript(t)
	var got []uint32
	if err := s.node.Trap(func(e wire.Exit) {
		if got = append(got, e.Addr.ID); e.Addr.ID != 20 {
			return
		}
		done := make(chan error, 1)
		go func() { done <- s.node.Unlink(background, 21) }()
		l := wiretest.Hear[*wire.Link](s.Peer)
		s.Say(&wire.Ack{Token: l.Token})
		if err := <-done; err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	wiretest.Hear[*wire.Trap](s.Peer)
	for id := range uint32(3) {
		s.Say(&wire.Linked{Exit: wire.Exit{Addr: wire.Addr{ID: 20 + id, Incarnation: 1}}})
	}
	s.settle()
	s.node.deliverDowns()
	if !slices.Equal(got, []uint32{20, 22}) {
		t.Errorf("notices of %v came, want those of 20 and 22: the first has ended the link with the second", got)
	}
}

// TestNoNoticeAfterCancel: a monitor is taken back while its notice comes. When that
// is over nothing comes any more.
func TestNoNoticeAfterCancel(t *testing.T) {
	s := newScript(t)
	var late atomic.Bool
	came := 0
	for i := range testutil.Rounds(300, 30000) {
		var over, notice atomic.Bool
		cancel, token := s.monitor(20, func(wire.Exit) {
			if over.Load() {
				late.Store(true)
			}
			notice.Store(true)
		})
		s.Say(&wire.Down{Token: token, Exit: wire.Exit{Addr: wire.Addr{ID: 20, Incarnation: 1}}})
		for range i % 50 { // the moment differs
			runtime.Gosched()
		}
		cancel()
		over.Store(true)
		if notice.Load() {
			came++
		} else {
			wiretest.Hear[*wire.Monitor](s.Peer) // it was taken back in time
		}
	}
	s.settle()
	if late.Load() {
		t.Error("a notice came after its monitor was taken back")
	}
	t.Logf("%d notices came before", came)
}

// TestNoticesThatNobodyWants: what an actor without a handler for it has asked for
// is not kept.
func TestNoticesThatNobodyWants(t *testing.T) {
	s := newScript(t)
	for range 3 {
		_, token := s.monitor(20, nil)
		s.Say(&wire.Down{Token: token, Exit: wire.Exit{Addr: wire.Addr{ID: 20, Incarnation: 1}}})
	}
	s.settle()
	s.node.deliverDowns()
	if n := len(s.node.downs) + len(s.node.due) + len(s.node.monitors); n > 0 {
		t.Errorf("%d notices and monitors are kept", n)
	}
}
