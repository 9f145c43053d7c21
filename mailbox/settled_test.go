package mailbox_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestSettledBeforeALongWait: what was handled before a message that cannot be had is
// dealt with, as far as anybody sees. If this process dies before that message comes,
// or after it was refused, nothing is in doubt; and the sender has its room.
func TestSettledBeforeALongWait(t *testing.T) {
	for _, c := range []struct {
		what string
		send func(*testing.T, *late) error
		is   func(error) bool
	}{
		{"a segment is on its way", func(t *testing.T, l *late) error {
			b := fill(t, l.out.Lend, 4<<10, 1)
			return mailbox.Send(l.out, wire.EntryTell, 0, 0, typeOf[two](t), &two{First: b})
		}, func(err error) bool { return errors.Is(err, mailbox.ErrNotAnnounced) }},
		{"not a kind of message", func(t *testing.T, l *late) error {
			return mailbox.Send(l.out, wire.EntryError, 0, 0, typeOf[short](t), &short{})
		}, isCorrupt},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newLate(t, mailbox.Config{PoolBytes: 4 << 20}.Wire())
			page := l.peer.Page
			if err := mailbox.Send(l.out, wire.EntryTell, 0, 0, typeOf[short](t), &short{}); err != nil {
				t.Fatal(err)
			}
			var m mailbox.Message
			if err := l.in.Next(&m); err != nil {
				t.Fatal(err)
			}
			l.in.Done(&m)
			end := l.in.ReadTo()
			if err := c.send(t, l); err != nil {
				t.Fatal(err)
			}
			if err := l.in.Next(&m); !c.is(err) {
				t.Fatal(err)
			}
			hand := transport.InFlight(page.InFlight.Load())
			if hand.State() != transport.HandDone || hand.Seq() != end {
				t.Errorf("the word says state %d of entry %d, want done before %d", hand.State(), hand.Seq(), end)
			}
			if head := page.Head.Load(); head != end {
				t.Errorf("room is given back up to %d, want %d", head, end)
			}
		})
	}
}
