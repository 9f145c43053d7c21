package node

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestStopBeforeAMessage: an actor that has ended itself in its Setup, or in the handler
// of a notice, handles no further message: what is in its mailbox stays there.
func TestStopBeforeAMessage(t *testing.T) {
	for _, inSetup := range []bool{true, false} {
		t.Run(fmt.Sprintf("inSetup=%v", inSetup), func(t *testing.T) {
			s := newScript(t)
			typ := typeOf[note](t)
			if err := mailbox.Send(s.lane(1), wire.EntryTell, 0, 0, typ, &note{1}); err != nil {
				t.Fatal(err)
			}
			var stop atomic.Bool
			if inSetup {
				stop.Store(true)
			} else {
				_, token := s.monitor(20, nil)
				s.Say(&wire.Down{Token: token, Exit: wire.Exit{Addr: wire.Addr{ID: 20, Incarnation: 1}}})
				s.settle()
			}
			handled := 0
			reason, err := s.node.Serve(map[codec.ID]mailbox.Handler{typ.ID(): func(*mailbox.Message, []byte) error {
				handled++
				stop.Store(true)
				return nil
			}}, func(wire.Exit) { stop.Store(true) }, &stop)
			if reason != "normal" || err != nil || handled != 0 {
				t.Errorf("%d messages were handled after the stop; %q, %v", handled, reason, err)
			}
		})
	}
}
