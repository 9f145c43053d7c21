package mailbox_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
)

// handing is two lanes of this process: what is lent for the first, or comes out of it,
// is sent by the second.
type handing struct {
	out, other *mailbox.Outbox
	in, there  *mailbox.Inbox // their other ends
}

const handPool, handBytes = 256 << 10, 64 << 10 // four buffers a lane

func newHanding(t *testing.T) *handing {
	t.Helper()
	h := &handing{}
	cfg := mailbox.Config{PoolBytes: handPool}.Wire()
	h.out, h.in = pair(t, cfg)
	h.other, h.there = pair(t, cfg)
	t.Cleanup(func() {
		h.in.Close()
		h.there.Close()
		h.out.Close()
		h.other.Close()
	})
	return h
}

// lend makes a buffer for the first lane, which begins with mark.
func (h *handing) lend(t *testing.T, mark int) mailbox.Buffer {
	t.Helper()
	b, err := h.out.Lend(handBytes)
	if err != nil {
		t.Fatalf("buffer %d: %v", mark, err)
	}
	b.Bytes()[0] = byte(mark)
	return b
}

// arrives takes the next message off a lane, which has a buffer that begins with mark.
func arrives(t *testing.T, in *mailbox.Inbox, m *mailbox.Message, mark int) mailbox.Buffer {
	t.Helper()
	var v blob
	if err := errors.Join(in.Next(m), mailbox.Decode(m, typeOf[blob](t), &v)); err != nil {
		t.Fatal(err)
	}
	if b := v.Data.Bytes(); len(b) != handBytes || b[0] != byte(mark) {
		t.Fatalf("a buffer of %d bytes came, want number %d of %d", len(b), mark, handBytes)
	}
	return v.Data
}

// TestLentForAnother: a buffer that was lent for one lane and is sent by another is dead
// for its sender, as any that was sent, and its block comes back. So is one in a message
// that is dropped.
func TestLentForAnother(t *testing.T) {
	typ := typeOf[blob](t)
	for what, send := range map[string]func(h *handing, b mailbox.Buffer) error{
		"told": func(h *handing, b mailbox.Buffer) error {
			return mailbox.Send(h.other, wire.EntryTell, 0, 0, typ, &blob{b})
		},
		"quickly": func(h *handing, b mailbox.Buffer) error { mailbox.Tell(h.other, &blob{b}); return nil },
		"dropped": func(h *handing, b mailbox.Buffer) error { mailbox.Discard(typ, &blob{b}); return nil },
	} {
		h := newHanding(t)
		for k := range 3 * handPool / handBytes {
			b := h.lend(t, k)
			if err := send(h, b); err != nil {
				t.Fatal(what, err)
			}
			mustBeDead(t, what, b)
			if what == "dropped" {
				continue
			}
			var m mailbox.Message
			arrives(t, h.there, &m, k)
			h.there.Done(&m)
		}
	}
}

// TestLentForAnotherAnswered is the same for an answer.
func TestLentForAnotherAnswered(t *testing.T) {
	typ := typeOf[blob](t)
	h := newHanding(t)
	for k := range 3 * handPool / handBytes {
		if err := mailbox.Send(h.other, wire.EntryAsk, uint64(k+1)*256, 0, typ, &blob{}); err != nil {
			t.Fatal(err)
		}
		var m mailbox.Message
		if err := h.there.Next(&m); err != nil {
			t.Fatal(err)
		}
		b := h.lend(t, k)
		if err := mailbox.Reply(&m, typ, &blob{b}); err != nil {
			t.Fatal(err)
		}
		mustBeDead(t, "answered", b)
		h.there.Done(&m)
	}
}

// TestSharedForOthers: a buffer of a set that is sent to one who is not in it is copied,
// and dead; and so is one in a message that is dropped.
func TestSharedForOthers(t *testing.T) {
	typ := typeOf[blob](t)
	h := newHanding(t)
	set, err := mailbox.NewShared([]*mailbox.Outbox{h.out}, new(mailbox.SharedIDs))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for k := range 3 * handPool / handBytes {
		b, err := set.Lend(handBytes)
		if err != nil {
			t.Fatalf("buffer %d: %v", k, err)
		}
		b.Bytes()[0] = byte(k)
		if k%2 == 0 {
			mailbox.Discard(typ, &blob{b})
		} else if err := mailbox.Send(h.other, wire.EntryTell, 0, 0, typ, &blob{b}); err != nil {
			t.Fatal(err)
		} else {
			var m mailbox.Message
			arrives(t, h.there, &m, k)
			h.there.Done(&m)
		}
		mustBeDead(t, "shared", b)
	}
	if !set.Idle() {
		t.Error("something is out still")
	}
}

// TestReceivedIsSentOn: a buffer that a handler has received and sends on, to one or to
// many, is the handler's as before: until it returns, or longer if it is kept.
func TestReceivedIsSentOn(t *testing.T) {
	typ := typeOf[blob](t)
	for what, send := range map[string]func(h *handing, b mailbox.Buffer) error{
		"to one": func(h *handing, b mailbox.Buffer) error {
			return mailbox.Send(h.other, wire.EntryTell, 0, 0, typ, &blob{b})
		},
		"to all": func(h *handing, b mailbox.Buffer) error {
			cast, err := mailbox.NewCast(nil, typ, &blob{b})
			if err != nil {
				return err
			}
			err = cast.To(h.other)
			cast.End(err == nil)
			return err
		},
	} {
		for _, keep := range []bool{false, true} {
			h := newHanding(t)
			for k := range 3 * handPool / handBytes {
				if err := mailbox.Send(h.out, wire.EntryTell, 0, 0, typ, &blob{h.lend(t, k)}); err != nil {
					t.Fatal(err)
				}
				var m, m2 mailbox.Message
				b := arrives(t, h.in, &m, k)
				if keep {
					b.Keep()
				}
				if err := send(h, b); err != nil {
					t.Fatal(what, err)
				}
				arrives(t, h.there, &m2, k)
				h.there.Done(&m2)
				if b.Bytes()[0] != byte(k) { // or it panics
					t.Fatal(what, "it is another one")
				}
				h.in.Done(&m)
				if keep {
					if b.Bytes()[0] != byte(k) {
						t.Fatal(what, "it was kept, and is another one")
					}
					b.Release()
				}
				mustBeDead(t, what, b)
			}
		}
	}
}
