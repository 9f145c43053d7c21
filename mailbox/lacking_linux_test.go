package mailbox_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestAnswerThatCannotBeMapped: a limit of the asker keeps the segment of an answer
// out. The ask fails with that limit; its segment is not waited for.
func TestAnswerThatCannotBeMapped(t *testing.T) {
	const size = 32 << 30
	testutil.FileSize(t, size)
	for what, r := range map[string]func(*late) wide{
		"payload":     func(*late) wide { return wide{Text: make([]byte, 20<<10)} },
		"lent buffer": func(l *late) wide { return wide{Lent: fill(t, l.in.Lend, 4<<10, 1)} },
	} {
		t.Run(what, func(t *testing.T) {
			l := newLate(t, mailbox.Config{PoolBytes: 4 << 20}.Wire())
			const ask = transport.ReplySlots
			if err := mailbox.Send(l.out, wire.EntryAsk, ask, 0, typeOf[short](t), &short{}); err != nil {
				t.Fatal(err)
			}
			var m mailbox.Message
			if err := l.in.Next(&m); err != nil {
				t.Fatal(err)
			}
			answer := r(l)
			if err := mailbox.Reply(&m, typeOf[wide](t), &answer); err != nil {
				t.Fatal(err)
			}
			l.in.Done(&m)
			body, ok := l.peer.Answered(0, ask)
			if !ok {
				t.Fatal("no answer")
			}
			restore := testutil.Addresses(t, 2<<30)
			limit := new(transport.LimitError)
			for id := range uint16(len(l.kept)) {
				f := &wire.Segment{ID: id, Size: size, Class: size, Blocks: 1}
				if err := l.peer.AddSegment(f, testutil.Sparse(t, size)); !errors.As(err, &limit) {
					t.Fatalf("%v, want a limit", err)
				}
			}
			restore()
			var v wide
			if err := mailbox.DecodeReply(l.peer, body, typeOf[wide](t), &v); !errors.As(err, &limit) || errors.Is(err, mailbox.ErrNotAnnounced) {
				t.Fatalf("%v, want a limit", err)
			}
			for id := range uint16(len(l.kept)) { // its owner takes it back
				if err := l.peer.AddSegment(&wire.Segment{ID: id}, nil); err != nil {
					t.Error(err)
				}
			}
			l.deliver(t)
			if err := mailbox.DecodeReply(l.peer, body, typeOf[wide](t), &v); err != nil {
				t.Error(err)
			}
			v.Lent.Release()
		})
	}
}
