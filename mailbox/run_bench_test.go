package mailbox_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// BenchmarkRun is what a small message costs its receiver. In near the ring was
// filled on the receiver's core, so that what is left is instructions; in far on
// another one, so that every line has to come from there.
func BenchmarkRun(b *testing.B) {
	b.Run("near", func(b *testing.B) { benchmarkRun(b, func(fill func()) { fill() }) })
	b.Run("far", func(b *testing.B) {
		if runtime.NumCPU() < 2 {
			b.Skip("one processor")
		}
		// A thread of its own that polls: what sends has to be on another core.
		var work atomic.Pointer[func()]
		var end atomic.Bool
		defer end.Store(true)
		go func() {
			runtime.LockOSThread()
			for !end.Load() {
				if f := work.Load(); f != nil {
					(*f)()
					work.Store(nil)
				}
			}
		}()
		benchmarkRun(b, func(fill func()) {
			work.Store(&fill)
			for work.Load() != nil {
			}
		})
	})
}

func benchmarkRun(b *testing.B, elsewhere func(func())) {
	const batch = 2000
	out, in := pair(b, mailbox.Config{}.Wire())
	t, err := codec.Of[flat]()
	if err != nil {
		b.Fatal(err)
	}
	var got, sent, bytes uint64
	handlers := mailbox.NewHandlers(map[codec.ID]mailbox.Handler{t.ID(): func(m *mailbox.Message, body []byte) error {
		got++
		bytes += uint64(len(body))
		return nil
	}})
	fill := func() {
		var v flat
		for range batch {
			v.Seq = sent
			if err := mailbox.Send(out, wire.EntryTell, 0, 0, t, &v); err != nil {
				panic(err)
			}
			sent++
		}
	}
	var m mailbox.Message
	var stop, system atomic.Bool
	var took time.Duration
	for n := 0; n < b.N; n += batch {
		elsewhere(fill)
		begun := time.Now()
		for got < sent {
			if !in.Look(&m) {
				b.Fatal("nothing there")
			}
			if n, _ := in.Run(&m, handlers, batch, &stop, &system); n == 0 {
				// The end of the cells.
				if err := in.Next(&m); err != nil {
					b.Fatal(err)
				}
				got++
				in.Done(&m)
			}
		}
		in.Flush(&m)
		took += time.Since(begun)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(sent), "ns/received")
	b.ReportMetric(0, "ns/op")
}
