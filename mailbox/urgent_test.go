package mailbox_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

type (
	calm  struct{ Data []byte }
	alarm struct {
		mailbox.Urgent
		Data []byte
	}
)

// TestUrgentGetsBlocksFirst: while an urgent message waits, blocks are for urgent
// messages only; small messages do not care.
func TestUrgentGetsBlocksFirst(t *testing.T) {
	for _, s := range lane.Probe() {
		if s.Form.Name == "posix" && s.Err != nil {
			testutil.Refused(t, s.Err)
		}
	}
	l := newLate(t, mailbox.Config{Queue: "posix", Priorities: true, PoolBytes: 64 << 10}.Wire())
	large := make([]byte, 10_000)
	typ, urgent := typeOf[calm](t), typeOf[alarm](t)
	l.out.UrgentWaits(true)
	if err := mailbox.Send(l.out, wire.EntryTell, 0, 0, typ, &calm{large}); !errors.Is(err, mailbox.ErrFull) {
		t.Errorf("a large message gets a block before an urgent one that waits: %v", err)
	}
	if _, err := l.out.Lend(10); !errors.Is(err, mailbox.ErrFull) {
		t.Errorf("a block is lent before an urgent message that waits gets it: %v", err)
	}
	if err := errors.Join(mailbox.Send(l.out, wire.EntryTell, 0, 0, typ, &calm{large[:10]}),
		mailbox.Send(l.out, wire.EntryTell, 0, 0, urgent, &alarm{Data: large})); err != nil {
		t.Errorf("a small message, or an urgent one: %v", err)
	}
	l.out.UrgentWaits(false)
	if err := mailbox.Send(l.out, wire.EntryTell, 0, 0, typ, &calm{large}); err != nil {
		t.Error(err)
	}
	l.deliver(t)
	for i, want := range []int{10_000, 10, 10_000} {
		var m mailbox.Message
		if err := l.in.Next(&m); err != nil {
			t.Fatal(err)
		}
		var v calm
		var u alarm
		var err error
		if m.Type() == urgent.ID() {
			err = mailbox.Decode(&m, urgent, &u)
		} else {
			err = mailbox.Decode(&m, typ, &v)
		}
		if (m.Type() == urgent.ID()) != (i == 0) {
			t.Errorf("message %d is of type %#x", i, m.Type())
		}
		if n := len(v.Data) + len(u.Data); err != nil || n != want {
			t.Errorf("message %d: %d bytes, want %d: %v", i, n, want, err)
		}
		l.in.Done(&m)
	}
}
