package mailbox_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/wire"
)

type picture struct {
	Pixels  mailbox.Buffer
	Caption []byte
}

func typeOf[M any](t *testing.T) *codec.Type {
	t.Helper()
	typ, err := codec.Of[M]()
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// A message with a buffer of another lane, whose payload finds no block after
// the buffer was copied, keeps none of the blocks that the copy had taken: they
// would be lent for ever. A pool of four such blocks shows it at the fifth try.
func TestFailedSendKeepsNoBlock(t *testing.T) {
	const pool, pixels = 1 << 20, 256 << 10
	testutil.FileSize(t, 9<<20) // a segment of the other lane
	out, _ := pair(t, mailbox.Config{PoolBytes: pool, MaxBytes: pool}.Wire())
	defer out.Close()
	other, _ := pair(t, mailbox.Config{}.Wire())
	defer other.Close()
	foreign, err := other.Lend(pixels)
	if err != nil {
		t.Fatal(err)
	}
	m := picture{Pixels: foreign, Caption: make([]byte, 2*pool)}
	for i := range 20 {
		err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[picture](t), &m)
		if size := new(transport.SizeError); !errors.As(err, &size) {
			t.Fatalf("send %d of a payload over the pool's bytes: %v, want a *transport.SizeError", i, err)
		}
	}
	if len(foreign.Bytes()) != pixels {
		t.Error("the buffer of a send that failed is not the caller's any more")
	}
}

type short struct{ Text []byte }

// An entry has the header that it needs: what fits beside that stays in it, in
// the form with the smallest entries too.
func TestSmallEntriesAreUsedWhole(t *testing.T) {
	form, err := lane.FormNamed("posix")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range lane.Probe() {
		if s.Form.Queue == form.Queue && s.Err != nil {
			t.Skip("this machine allows no posix queue: ", s.Err)
		}
	}
	out, in := pair(t, mailbox.Config{Queue: "posix"}.Wire())
	defer out.Close()
	defer in.Close()
	typ := typeOf[short](t)
	for _, n := range []int{0, 100, 250, 300} {
		want := short{bytes.Repeat([]byte{'x'}, n)}
		before := out.Traffic()
		for _, kind := range []uint8{wire.EntryTell, wire.EntryAsk} {
			if err := mailbox.Send(out, kind, 1, 0, typ, &want); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		after := out.Traffic()
		if small, fits := after.Small-before.Small == 2, n <= 250; small != fits {
			t.Errorf("%d bytes stay in the entry: %v, want %v", n, small, fits)
		}
		if n > 250 {
			continue // in a block that nobody has announced here
		}
		for range 2 {
			var m mailbox.Message
			var got short
			if err := in.Next(&m); err != nil {
				t.Fatal(err)
			}
			if err := mailbox.Decode(&m, typ, &got); err != nil || !bytes.Equal(got.Text, want.Text) {
				t.Fatalf("%d bytes arrived as %d: %v", n, len(got.Text), err)
			}
			in.Done(&m)
			in.Flush(&m)
		}
	}
}

type duo struct {
	First, Second mailbox.Buffer
	Caption       []byte
}

// A message that needs more blocks at one time than its pool can have says so. ErrFull
// would be wrong: who waits for that to end waits for what the message has itself.
func TestMessageOverThePool(t *testing.T) {
	const pool = 1 << 20
	testutil.FileSize(t, 9<<20) // a segment of the other lane
	for _, blocks := range []string{"pool", "arena"} {
		t.Run(blocks, func(t *testing.T) {
			out, _ := pair(t, mailbox.Config{PoolBytes: pool, Blocks: blocks}.Wire())
			defer out.Close()
			other, _ := pair(t, mailbox.Config{}.Wire())
			defer other.Close()
			lend := func(o *mailbox.Outbox, n int) mailbox.Buffer {
				t.Helper()
				b, err := o.Lend(n)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(b.Release)
				return b
			}
			for name, m := range map[string]func() duo{
				"a buffer and a slice": func() duo { return duo{First: lend(out, pool), Caption: make([]byte, 8<<10)} },
				"a truncated buffer and a slice": func() duo {
					b := lend(out, pool)
					b.Truncate(10)
					return duo{First: b, Caption: make([]byte, 8<<10)}
				},
				"a buffer and a copy": func() duo { return duo{First: lend(out, pool/2), Second: lend(other, pool/2+1)} },
				"two copies":          func() duo { return duo{First: lend(other, pool), Second: lend(other, 1)} },
				"two over the pool":   func() duo { return duo{First: lend(other, pool+1), Second: lend(other, pool+1)} },
			} {
				v := m()
				err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[duo](t), &v)
				if size := new(transport.SizeError); !errors.As(err, &size) {
					t.Errorf("%s: %v, want a *transport.SizeError", name, err)
				} else {
					t.Logf("%s: %v", name, err)
				}
				v.First.Release()
				v.Second.Release()
			}
			held := lend(out, pool/2)
			v := duo{First: lend(other, pool/2), Second: lend(other, pool/4)}
			if err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[duo](t), &v); !errors.Is(err, mailbox.ErrFull) {
				t.Errorf("a message that fits when another block is back: %v, want ErrFull", err)
			}
			held.Release()
			if err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[duo](t), &v); err != nil {
				t.Error(err)
			}
			v = duo{First: lend(other, pool/4+1), Second: lend(other, pool/4+1), Caption: make([]byte, pool/4+1)}
			err := mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[duo](t), &v)
			if size := new(transport.SizeError); !errors.As(err, &size) {
				t.Errorf("three that take half of the memory each: %v, want a *transport.SizeError", err)
			}
		})
	}
}
