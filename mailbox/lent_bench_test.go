package mailbox_test

import (
	"errors"
	"sync/atomic"
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

// BenchmarkLentRun is the same by the way that most of them go: Tell and Run.
func BenchmarkLentRun(b *testing.B) {
	out, in := pair(b, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	t, err := codec.Of[blob]()
	if err != nil {
		b.Fatal(err)
	}
	var seen int
	handlers := mailbox.NewHandlers(map[codec.ID]mailbox.Handler{t.ID(): func(m *mailbox.Message, _ []byte) error {
		var v blob
		err := mailbox.Decode(m, t, &v)
		seen += v.Data.Len()
		return err
	}})
	var m mailbox.Message
	var stop, system atomic.Bool
	b.ReportAllocs()
	for b.Loop() {
		data, err := out.Lend(64 << 10)
		if err != nil {
			b.Fatal(err)
		}
		if !mailbox.Tell(out, &blob{data}) {
			b.Fatal("not sent")
		}
		if !in.Look(&m) {
			b.Fatal("nothing came")
		}
		n, err := in.Run(&m, handlers, 10, &stop, &system)
		if n == 0 && err == nil { // something unusual: the end of the ring
			err = errors.Join(in.Next(&m), handlers.Of(t.ID())(&m, nil))
			in.Done(&m)
		}
		if err != nil {
			b.Fatal(err)
		}
		in.Settle(&m)
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
