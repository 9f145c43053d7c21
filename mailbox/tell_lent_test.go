package mailbox_test

import (
	"bytes"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
)

// framed has a buffer between fields that are copied.
type framed struct {
	Seq  uint64
	Data mailbox.Buffer
	Tag  [3]byte
}

// lentRunner is a receiver of framed by Run, with Next where Run leaves off.
type lentRunner struct {
	t        *testing.T
	in       *mailbox.Inbox
	typ      *codec.Type
	m        mailbox.Message
	handlers *mailbox.Handlers
	stop     atomic.Bool
	system   atomic.Bool
	ran      int // of the messages, those that Run took
}

func newLentRunner(t *testing.T, in *mailbox.Inbox, handle func(framed)) *lentRunner {
	r := &lentRunner{t: t, in: in, typ: typeOf[framed](t)}
	r.handlers = mailbox.NewHandlers(map[codec.ID]mailbox.Handler{r.typ.ID(): func(m *mailbox.Message, _ []byte) error {
		var v framed
		err := mailbox.Decode(m, r.typ, &v)
		if err == nil {
			handle(v)
		}
		return err
	}})
	return r
}

// all takes what has come.
func (r *lentRunner) all() {
	r.t.Helper()
	for r.in.Look(&r.m) {
		n, err := r.in.Run(&r.m, r.handlers, 1000, &r.stop, &r.system)
		r.ran += n
		if err != nil {
			r.t.Fatal(err)
		}
		if n == 0 {
			if err := errors.Join(r.in.Next(&r.m), r.handlers.Of(r.typ.ID())(&r.m, nil)); err != nil {
				r.t.Fatal(err)
			}
			r.in.Done(&r.m)
		}
	}
	r.in.Flush(&r.m)
}

// TestTellLent: the short way of a lent buffer carries what the long way does,
// and ends its lending on both sides. Several laps of a small ring: some of the
// messages stand where the short way must leave off.
func TestTellLent(t *testing.T) {
	out, in := pair(t, mailbox.Config{RingBytes: 4 << 10}.Wire())
	defer in.Close()
	defer out.Close()
	var got []framed
	var bodies [][]byte
	r := newLentRunner(t, in, func(v framed) {
		got = append(got, v)
		bodies = append(bodies, bytes.Clone(v.Data.Bytes()))
	})
	const n = 1000
	var sent []mailbox.Buffer
	for i := range n {
		b, err := out.Lend(100 + i)
		if err != nil {
			t.Fatal(err)
		}
		for j := range b.Bytes() {
			b.Bytes()[j] = byte(i + j)
		}
		if !mailbox.Tell(out, &framed{Seq: uint64(i), Data: b, Tag: [3]byte{1, 2, byte(i)}}) {
			t.Fatalf("message %d was not sent", i)
		}
		mustBeDead(t, "sent", b)
		sent = append(sent, b)
		if i%5 == 4 {
			r.all()
		}
	}
	r.all()
	for i, v := range got {
		if v.Seq != uint64(i) || v.Data.Len() != 100+i || v.Tag != [3]byte{1, 2, byte(i)} {
			t.Fatalf("message %d arrived as %+v, with %d bytes", i, v, v.Data.Len())
		}
		for j, b := range bodies[i] {
			if b != byte(i+j) {
				t.Fatalf("message %d: byte %d is %d", i, j, b)
			}
		}
		mustBeDead(t, "its handler has returned", v.Data)
	}
	if len(got) != n || r.ran < n/2 {
		t.Errorf("%d messages arrived, %d of them by Run; want %d, most of them by Run", len(got), r.ran, n)
	}
	if of, then := in.Lent(), in.Lent(); of != r.ran || then != 0 {
		t.Errorf("Lent says %d of the %d that Run took, and then %d", of, r.ran, then)
	}
	if x := out.Traffic(); x.Large != n || x.Lent != n || x.LargeBytes != n*100+n*(n-1)/2 {
		t.Errorf("traffic %+v", x)
	}
	if s := mailbox.Blocks(out); s.Lent != 0 || s.Taken != 0 || s.Refused != 0 {
		t.Errorf("blocks %+v, want all back", s)
	}
}

// TestTellLentUnusual: what the short way is not for goes the long one.
func TestTellLentUnusual(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	other, _ := pair(t, mailbox.Config{}.Wire())
	defer other.Close()
	var got []framed
	r := newLentRunner(t, in, func(v framed) { got = append(got, v) })

	if !mailbox.Tell(out, &framed{Seq: 1}) {
		t.Fatal("a message without a buffer was not sent")
	}
	foreign, err := other.Lend(5000)
	if err != nil {
		t.Fatal(err)
	}
	foreign.Bytes()[4999] = 7
	var last byte
	r.handlers = mailbox.NewHandlers(map[codec.ID]mailbox.Handler{r.typ.ID(): func(m *mailbox.Message, _ []byte) error {
		var v framed
		err := mailbox.Decode(m, r.typ, &v)
		if got = append(got, v); v.Data.Len() > 0 {
			last = v.Data.Bytes()[4999]
		}
		return err
	}})
	if !mailbox.Tell(out, &framed{Seq: 2, Data: foreign}) {
		t.Fatal("a buffer of another lane was not sent")
	}
	r.all()
	if len(got) != 2 || got[0].Data.Len() != 0 || got[1].Data.Len() != 5000 || last != 7 {
		t.Errorf("got %+v, the last byte is %d", got, last)
	}

	dead, err := out.Lend(10)
	if err != nil {
		t.Fatal(err)
	}
	dead.Release()
	func() {
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, mailbox.ErrBufferDead) {
				t.Errorf("a released buffer was sent: %v, want a panic with ErrBufferDead", err)
			}
		}()
		mailbox.Tell(out, &framed{Data: dead})
	}()
	if !mailbox.Tell(out, &framed{Seq: 3}) { // nobody has the lock
		t.Error("nothing can be sent after the panic")
	}
}

// TestTellLentAllocatesNothing: neither side does, on the short way.
func TestTellLentAllocatesNothing(t *testing.T) {
	out, in := pair(t, mailbox.Config{}.Wire())
	defer in.Close()
	defer out.Close()
	r := newLentRunner(t, in, func(framed) {})
	if n := testing.AllocsPerRun(1000, func() {
		b, err := out.Lend(64 << 10)
		if err != nil || !mailbox.Tell(out, &framed{Data: b}) {
			t.Fatal(err)
		}
		r.all()
	}); n != 0 {
		t.Errorf("%v allocations for a lent buffer, want 0", n)
	}
}

// TestToldOfSeveral: while more messages are at hand the sender is told of several
// blocks at a time; of all of them when there is none, and at once when it waits.
func TestToldOfSeveral(t *testing.T) {
	for _, waits := range []bool{false, true} {
		out, in := pair(t, mailbox.Config{}.Wire())
		var back []int // blocks that are back when a message is handled
		r := newLentRunner(t, in, func(framed) { back = append(back, 10-mailbox.Blocks(out).Lent) })
		for range 10 {
			b, err := out.Lend(1000)
			if err != nil || !mailbox.Tell(out, &framed{Data: b}) {
				t.Fatal(err)
			}
		}
		if waits {
			out.WantRoom(true)
		}
		r.all()
		if end := mailbox.Blocks(out); end.Lent != 0 {
			t.Errorf("waits %v: %d blocks are not back in the end", waits, end.Lent)
		}
		// The one in hand is not back, and not those that were told of with it.
		want := []int{0, 0, 0, 0, 0, 5, 5, 5, 5, 5}
		if waits {
			want = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
		}
		if !slices.Equal(back, want) {
			t.Errorf("waits %v: back when the messages are handled: %v, want %v", waits, back, want)
		}
		in.Close()
		out.Close()
	}
}

// TestToldAtOnce: of two blocks that are all there are, the sender is told of each
// when it is back: it could not go on meanwhile.
func TestToldAtOnce(t *testing.T) {
	out, in := pair(t, mailbox.Config{PoolBytes: 8 << 10, MaxBytes: 8 << 10}.Wire())
	defer in.Close()
	defer out.Close()
	var back []int
	r := newLentRunner(t, in, func(framed) { back = append(back, 2-mailbox.Blocks(out).Lent) })
	for range 2 {
		b, err := out.Lend(4 << 10)
		if err != nil || !mailbox.Tell(out, &framed{Data: b}) {
			t.Fatal(err)
		}
	}
	r.all()
	if !slices.Equal(back, []int{0, 1}) {
		t.Errorf("back when the messages are handled: %v, want [0 1]", back)
	}
}
