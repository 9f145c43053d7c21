package lane

import (
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// TestAttemptInHand: only the message with which earlier incarnations have died counts
// their deaths, in its in-flight word too: the keeper adds the next one to these.
func TestAttemptInHand(t *testing.T) {
	page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	in := &In{page: page, start: 5, attempt: 3, idle: true}
	for _, step := range []struct {
		what string
		do   func()
		want transport.InFlight
	}{
		{"an end without a beginning", func() { in.End(5) }, 0},
		{"the first", func() { in.Begin(5) }, transport.PackInFlight(5, 3, transport.HandIn)},
		{"its end", func() { in.End(6) }, transport.PackInFlight(6, 0, transport.HandDone)},
		{"the same again", func() { in.End(9) }, transport.PackInFlight(6, 0, transport.HandDone)},
		{"the next", func() { in.Begin(6) }, transport.PackInFlight(6, 0, transport.HandIn)},
		{"one more", func() { in.Begin(7) }, transport.PackInFlight(7, 0, transport.HandIn)},
		{"the end of all", func() { in.End(8) }, transport.PackInFlight(8, 0, transport.HandDone)},
	} {
		if step.do(); transport.InFlight(page.InFlight.Load()) != step.want {
			t.Errorf("%s: %x is in hand, want %x", step.what, page.InFlight.Load(), step.want)
		}
	}
	if in.Attempt(5) != 3 || in.Attempt(6) != 0 {
		t.Errorf("%d and %d deaths, want 3 and 0", in.Attempt(5), in.Attempt(6))
	}
}

// TestHandledOfAPeer: how far a receiver is, is what its page says, which begins where
// the receiver does; that more were urgent than were handled is not believed, nor that any
// was in a ring.
func TestHandledOfAPeer(t *testing.T) {
	send, err := transport.NewSendPage(segment.Heap(transport.SendPageHeader).Bytes(), 0)
	if err != nil {
		t.Fatal(err)
	}
	page, err := transport.NewRecvPage(segment.Heap(transport.RecvPageBytes).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	o := &Out{page: send}
	send.Tail.Store(7)
	if at := o.Handled(); at.Seq != 0 || at.Urgent != 0 || o.Unhandled() != 7 {
		t.Errorf("by nobody: %+v, and %d are not", at, o.Unhandled())
	}
	o.peer.Store(&Peer{Page: page})
	page.InFlight.Store(uint64(transport.PackInFlight(5, 0, transport.HandNone)))
	for says, want := range map[uint64]uint64{0: 0, 3: 3, 5: 5, 6: 5, 1 << 63: 5} {
		page.Urgent.Store(says)
		for _, ring := range []bool{false, true} {
			if ring {
				want = 0
			}
			o.isRing = ring
			if at := o.Handled(); at.Seq != 5 || at.Urgent != want || o.Unhandled() != 2 {
				t.Errorf("with %d urgent, ring %v: %+v, and %d are not", says, ring, at, o.Unhandled())
			}
		}
	}
}
