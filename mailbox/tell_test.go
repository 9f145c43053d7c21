package mailbox_test

import (
	"bytes"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// told tells a value of type T, fills the mailbox with it, and looks at all that
// comes out.
func told[T any](t *testing.T, v T) {
	t.Helper()
	out, in := pair(t, mailbox.Config{RingBytes: 4096}.Wire())
	defer in.Close()
	defer out.Close()
	typ := typeOf[T](t)
	sent := 0
	for mailbox.Tell(out, &v) {
		sent++
	}
	if err := mailbox.Send(out, wire.EntryTell, 0, 0, typ, &v); err != mailbox.ErrFull {
		t.Fatalf("%s: Tell failed after %d messages, then Send: %v", typ, sent, err)
	}
	var m mailbox.Message
	for i := range sent {
		var got T
		if err := in.Next(&m); err != nil {
			t.Fatalf("%s: message %d of %d: %v", typ, i, sent, err)
		}
		if err := mailbox.Decode(&m, typ, &got); err != nil {
			t.Fatal(err)
		}
		in.Done(&m)
		if codec.ID(m.Head.Type) != typ.ID() || !bytes.Equal(codec.Bytes(typ, &got), codec.Bytes(typ, &v)) {
			t.Fatalf("%s: got %v", typ, got)
		}
	}
	if err := in.Next(&m); err != transport.ErrEmpty {
		t.Fatalf("%s: after %d messages: %v", typ, sent, err)
	}
	if n := out.Traffic(); sent == 0 || n.Small != uint64(sent) || n.SmallBytes != uint64(sent*typ.Size()) {
		t.Errorf("%s: %d messages were counted as %d of %d bytes", typ, sent, n.Small, n.SmallBytes)
	}
	in.Flush(&m)
	if !mailbox.Tell(out, &v) {
		t.Errorf("%s: no room again", typ)
	}
	out.Shut()
	if mailbox.Tell(out, &v) {
		t.Errorf("%s was told after Shut", typ)
	}
}

// TestTell: values of sizes that are copied in different ways arrive whole, as
// many as there is room for, and none after the end.
func TestTell(t *testing.T) {
	told(t, struct{}{})
	told(t, byte(1))
	told(t, [15]byte{0: 1, 14: 2})
	told(t, [16]byte{0: 1, 15: 2})
	told(t, [17]byte{0: 1, 15: 2, 16: 3})
	told(t, [64]byte{0: 1, 31: 2, 63: 3})
	told(t, [100]byte{0: 1, 95: 2, 96: 3, 99: 4})
	told(t, [256]byte{0: 1, 255: 2})
	told(t, [257]byte{0: 1, 255: 2, 256: 3})
}

// TestTellUnknown: a type that nobody has looked up is for Send.
func TestTellUnknown(t *testing.T) {
	type stranger struct{ A int }
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	if codec.Known((*stranger)(nil)) == nil && mailbox.Tell(out, &stranger{}) {
		t.Fatal("it was told")
	}
	typ := typeOf[stranger](t)
	if !mailbox.Tell(out, &stranger{}) {
		t.Fatalf("%s was not told", typ)
	}
}
