package node

import (
	"maps"
	"runtime"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// TestEndedSenderIsForgotten: of a sender that has ended, and whose lane has been
// read, nothing is kept: an actor may hear from any number of them, one after another.
func TestEndedSenderIsForgotten(t *testing.T) {
	s := newScript(t)
	typ := typeOf[note](t)
	for k := range uint32(5) {
		from := wire.Addr{ID: 9 + k, Incarnation: 1}
		out := s.laneFrom(from, mailbox.Sharing{})
		if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, &note{int(k)}); err != nil {
			t.Fatal(err)
		}
		s.Say(&wire.Retire{From: from})
		s.settle()
		if handled := s.rounds(); len(handled) != 1 {
			t.Fatalf("%d messages were handled, want 1", len(handled))
		}
		if f := wiretest.Hear[*wire.Drained](s.Peer); f.From != from {
			t.Fatalf("%v is drained, want %v", f.From, from)
		}
	}
	for begun := time.Now(); ; runtime.Gosched() {
		s.node.bury()
		kept := s.senders()
		if delete(kept, 50); len(kept) == 0 { // the number of settle
			return
		}
		if time.Since(begun) > testutil.HangGuard {
			t.Fatalf("of %v something is kept, whose lanes were read to their ends", kept)
		}
	}
}

// senders is the numbers of those of whom something is kept.
func (s *script) senders() map[uint32]*sender {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	return maps.Clone(s.node.byID)
}
