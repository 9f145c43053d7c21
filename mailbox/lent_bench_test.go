package mailbox_test

import (
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

type blob struct{ Data mailbox.Buffer }

// BenchmarkLent is what a lent buffer costs in instructions, sender and
// receiver together, on one core: lend, send, receive, give back. No byte of it
// is touched.
func BenchmarkLent(b *testing.B) {
	out, in := pair(b, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	t, err := codec.Of[blob]()
	if err != nil {
		b.Fatal(err)
	}
	var m mailbox.Message
	b.ReportAllocs()
	for b.Loop() {
		lentTrip(b, out, in, t, &m, 64<<10)
	}
}

// lentTrip lends, sends, receives and gives back one buffer, which it returns
// as the receiver had it.
func lentTrip(tb testing.TB, out *mailbox.Outbox, in *mailbox.Inbox, t *codec.Type, m *mailbox.Message, size int) (got mailbox.Buffer) {
	data, err := out.Lend(size)
	if err != nil {
		tb.Fatal(err)
	}
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, t, &blob{data}); err != nil {
		tb.Fatal(err)
	}
	if err := in.Next(m); err != nil {
		tb.Fatal(err)
	}
	var v blob
	if err := mailbox.Decode(m, t, &v); err != nil {
		tb.Fatal(err)
	}
	in.Done(m)
	in.Flush(m)
	return v.Data
}
