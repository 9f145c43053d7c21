package mailbox_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

type flat struct {
	Seq  uint64
	Data [56]byte
}

// pair is the two ends of a lane in one process.
func pair(tb testing.TB, cfg wire.Mailbox) (*mailbox.Outbox, *mailbox.Inbox) {
	tb.Helper()
	return pairTold(tb, cfg, nil)
}

// pairTold is pair whose ends tell of blocks that come free there.
func pairTold(tb testing.TB, cfg wire.Mailbox, freed func()) (*mailbox.Outbox, *mailbox.Inbox) {
	tb.Helper()
	n, err := notify.Best()
	if n == nil {
		tb.Fatal(err)
	}
	out, open, files, err := lane.Create(lane.Config{Queue: cfg.Queue, Cells: int(cfg.RingBytes)}, 1, n)
	if err != nil {
		tb.Fatal(err)
	}
	in, page, back, err := lane.Accept(&wire.Lane{Queue: open.Queue, Cells: open.Cells, Size: open.Size, Bell: open.Bell}, files, n)
	if err != nil {
		tb.Fatal(err)
	}
	peer, err := lane.OpenPeer(page, back)
	if err != nil {
		tb.Fatal(err)
	}
	var box *mailbox.Inbox
	o := mailbox.NewOutbox(cfg, out, mailbox.Sharing{
		Announce: func(id uint16, f transport.File, size, class, blocks int) error {
			own, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
			if err != nil {
				return err
			}
			return box.AddSegment(&wire.Segment{ID: id, Size: uint64(size), Class: uint64(class), Blocks: uint32(blocks)}, own)
		},
		Retire: func(id uint16) error { return box.AddSegment(&wire.Segment{ID: id}, nil) },
		Freed:  freed,
	})
	o.Install(peer, transport.Place{})
	box = mailbox.NewInbox("self", cfg, in, 0, mailbox.Sharing{
		Announce: func(uint16, transport.File, int, int, int) error { return nil }, // nobody looks at its answers
		Freed:    freed,
	})
	return o, box
}

// BenchmarkSendReceive is what a small message costs in instructions, sender
// and receiver together: 64 sends, then 64 receives, on one core.
func BenchmarkSendReceive(b *testing.B) {
	out, in := pair(b, mailbox.Config{}.Wire())
	t, err := codec.Of[flat]()
	if err != nil {
		b.Fatal(err)
	}
	var m mailbox.Message
	var v flat
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		v.Seq = n
		if err := mailbox.Send(out, wire.EntryTell, 0, 0, t, &v); err != nil {
			b.Fatal(err)
		}
		if n++; n%64 != 0 {
			continue
		}
		for range 64 {
			if err := in.Next(&m); err != nil {
				b.Fatal(err)
			}
			if err := mailbox.Decode(&m, t, &v); err != nil {
				b.Fatal(err)
			}
			in.Done(&m)
		}
		if err := in.Next(&m); err != transport.ErrEmpty {
			b.Fatal(err)
		}
		in.Flush(&m)
	}
}

// BenchmarkTell is the sender's part of it: the receiver looks at nothing but
// the last message of a ringful, and gives the room back.
func BenchmarkTell(b *testing.B) {
	out, in := pair(b, mailbox.Config{}.Wire())
	t, err := codec.Of[flat]()
	if err != nil {
		b.Fatal(err)
	}
	var m mailbox.Message
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		v := flat{Seq: n}
		if mailbox.Tell(out, &v) || mailbox.Send(out, wire.EntryTell, 0, 0, t, &v) == nil {
			continue
		}
		b.StopTimer()
		for in.Next(&m) == nil {
			in.Done(&m)
		}
		in.Flush(&m)
		b.StartTimer()
	}
}
