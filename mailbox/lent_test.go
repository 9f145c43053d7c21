package mailbox_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// mustBeDead uses a buffer whose lending is over.
func mustBeDead(t *testing.T, what string, b mailbox.Buffer) {
	t.Helper()
	defer func() {
		t.Helper()
		if err, _ := recover().(error); !errors.Is(err, mailbox.ErrBufferDead) {
			t.Errorf("%s: Bytes of it: %v, want a panic with ErrBufferDead", what, err)
		}
	}()
	_ = b.Bytes()
}

// The books of a block are used again with it. A handle of an earlier lending
// stays dead on both sides, and its Keep and Release do nothing to the lending
// that has the block now.
func TestStaleBufferIsNobodyElses(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	typ := typeOf[blob](t)
	lend := func(n int) mailbox.Buffer {
		t.Helper()
		b, err := out.Lend(n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}

	old := lend(5000)
	place := &old.Bytes()[0]
	old.Release()
	now := lend(6000)
	if &now.Bytes()[0] != place {
		t.Fatal("the block given back last is not taken first: this test shows nothing")
	}
	mustBeDead(t, "released by the sender", old)
	old.Release()
	old.Keep()
	if len(now.Bytes()) != 6000 || old.Len() != 5000 {
		t.Errorf("%d and %d bytes after the stale handle was released, want 6000 and 5000", len(now.Bytes()), old.Len())
	}
	now.Release()

	var m mailbox.Message
	read := lentTrip(t, out, in, typ, &m, 7000)
	mustBeDead(t, "given back by the receiver", read)
	sent := lend(7000)
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, &blob{sent}); err != nil {
		t.Fatal(err)
	}
	mustBeDead(t, "sent", sent)
	sent.Release() // does nothing: the receiver has it
	var v blob
	if err := errors.Join(in.Next(&m), mailbox.Decode(&m, typ, &v)); err != nil {
		t.Fatal(err)
	}
	read.Release()
	read.Keep()
	if len(v.Data.Bytes()) != 7000 {
		t.Errorf("%d bytes in hand after the stale handle was released, want 7000", len(v.Data.Bytes()))
	}
	in.Done(&m)
	mustBeDead(t, "its handler has returned", v.Data)
}

// A lent buffer costs no allocation, from Lend to its return.
func TestLentAllocatesNothing(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	typ := typeOf[blob](t)
	var m mailbox.Message
	if n := testing.AllocsPerRun(200, func() { lentTrip(t, out, in, typ, &m, 64<<10) }); n != 0 {
		t.Errorf("%v allocations for a lent buffer, want 0", n)
	}
}

// TestRoomIsTold: a sender that waits for blocks hears of them when the receiver
// is about to run dry; one that has waited for long, of each.
func TestRoomIsTold(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	typ, err := codec.Of[blob]()
	if err != nil {
		t.Fatal(err)
	}
	const n = 12
	out.WantRoom(true)
	for _, hurry := range []bool{false, true} {
		out.Hurry(hurry)
		for range n {
			data, err := out.Lend(8 << 10)
			if err != nil {
				t.Fatal(err)
			}
			if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, &blob{data}); err != nil {
				t.Fatal(err)
			}
		}
		bell := out.Peer().Page.Bell
		var m mailbox.Message
		var told []bool // of each message's block
		for range n {
			if err := in.Next(&m); err != nil {
				t.Fatal(err)
			}
			before := bell.Load()
			in.Done(&m)
			told = append(told, bell.Load() != before)
		}
		in.Flush(&m)
		if told[0] != hurry || told[n/2] != hurry || !told[n-1] {
			t.Errorf("hurry %v: told %v", hurry, told)
		}
	}
}

// A sender that has filled less than it has lent sends what it has filled, by either
// way; the whole block comes back.
func TestTruncate(t *testing.T) {
	out, in := pair(t, mailbox.Config{PoolBytes: 1 << 20}.Wire())
	defer in.Close()
	defer out.Close()
	typ := typeOf[blob](t)
	ways := map[string]func(b mailbox.Buffer) error{
		"short": func(b mailbox.Buffer) error {
			if !mailbox.Tell(out, &blob{b}) {
				return errors.New("not sent")
			}
			return nil
		},
		"general": func(b mailbox.Buffer) error { return mailbox.Send(out, wire.EntryTell, 0, 0, typ, &blob{b}) },
	}
	for way, send := range ways {
		for _, size := range []int{0, 1, 700, 5000, 512 << 10} {
			for range 8 { // more than the pool holds at a time
				b, err := out.Lend(512 << 10)
				if err != nil {
					t.Fatal(way, size, err)
				}
				whole := b
				b.Truncate(size)
				if size > 0 {
					b.Bytes()[size-1] = 7
				}
				if b.Len() != size || len(b.Bytes()) != size || whole.Len() != 512<<10 {
					t.Fatalf("%s: %d bytes, %d, %d; want %d, %d, %d", way, b.Len(), len(b.Bytes()), whole.Len(), size, size, 512<<10)
				}
				if err := send(b); err != nil {
					t.Fatal(way, size, err)
				}
				mustBeDead(t, "sent by another handle", whole)
				var m mailbox.Message
				var v blob
				if err := errors.Join(in.Next(&m), mailbox.Decode(&m, typ, &v)); err != nil {
					t.Fatal(way, size, err)
				}
				if got := v.Data.Bytes(); len(got) != size || size > 0 && got[size-1] != 7 {
					t.Errorf("%s: %d bytes arrived, want %d", way, len(got), size)
				}
				in.Done(&m)
			}
		}
	}
}

// What cannot be meant is refused.
func TestTruncateMistakes(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	b, err := out.Lend(5000)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 5001} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Truncate(%d) of 5000 bytes was taken", n)
				}
			}()
			b.Truncate(n)
		}()
	}
	short := b
	short.Truncate(10)
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[two](t), &two{b, short}); err == nil {
		t.Error("one buffer was sent with two lengths")
	}
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[two](t), &two{short, short}); err != nil {
		t.Error("it is not the sender's any more after the mistake:", err)
	}
}
