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
