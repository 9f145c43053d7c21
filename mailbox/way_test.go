package mailbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// late is the two ends of a lane in one process, with a supervisor between them
// that keeps segments to itself until it is told to deliver them.
type late struct {
	out  *mailbox.Outbox
	in   *mailbox.Inbox
	peer *mailbox.Peer // of in, as out sees it
	kept []func() error
}

func newLate(t *testing.T, cfg wire.Mailbox) *late {
	t.Helper()
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	return newLateBy(t, cfg, n, n)
}

// newLateBy is newLate whose ends wake each other by these notifiers.
func newLateBy(t *testing.T, cfg wire.Mailbox, byOut, byIn transport.Notifier) *late {
	t.Helper()
	out, open, files, err := lane.Create(lane.Config{Queue: cfg.Queue, Cells: int(cfg.RingBytes), Priority: cfg.Priority != 0}, 1, byOut)
	if err != nil {
		t.Fatal(err)
	}
	in, page, back, err := lane.Accept(&wire.Lane{Queue: open.Queue, Cells: open.Cells, Size: open.Size, Bell: open.Bell}, files, byIn)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := lane.OpenPeer(page, back)
	if err != nil {
		t.Fatal(err)
	}
	l := &late{}
	announce := func(to func() func(*wire.Segment, transport.File) error) func(uint16, transport.File, int, int, int) error {
		return func(id uint16, f transport.File, size, class, blocks int) error {
			own, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
			l.kept = append(l.kept, func() error {
				return to()(&wire.Segment{ID: id, Size: uint64(size), Class: uint64(class), Blocks: uint32(blocks)}, own)
			})
			return err
		}
	}
	l.out = mailbox.NewOutbox(cfg, out, mailbox.Sharing{Announce: announce(func() func(*wire.Segment, transport.File) error { return l.in.AddSegment })})
	l.out.Install(peer, transport.Place{})
	l.in = mailbox.NewInbox("self", cfg, in, 0, mailbox.Sharing{Announce: announce(func() func(*wire.Segment, transport.File) error { return l.peer.AddSegment })})
	l.peer = l.out.Peer()
	t.Cleanup(func() {
		l.in.Close()
		l.out.Close()
	})
	return l
}

// deliver hands out the segments that are kept.
func (l *late) deliver(t *testing.T) {
	t.Helper()
	for _, f := range l.kept {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	l.kept = nil
}

type two struct{ First, Second mailbox.Buffer }

// fill lends a buffer of n bytes that are all b.
func fill(t *testing.T, lend func(int) (mailbox.Buffer, error), n int, b byte) mailbox.Buffer {
	t.Helper()
	buf, err := lend(n)
	if err != nil {
		t.Fatal(err)
	}
	copy(buf.Bytes(), bytes.Repeat([]byte{b}, n))
	return buf
}

// overwrite lends all blocks of n bytes, writes into them, and releases them.
func overwrite(lend func(int) (mailbox.Buffer, error), n int) {
	var all []mailbox.Buffer
	for range transport.ReturnEntries {
		b, err := lend(n)
		if err != nil {
			break
		}
		clear(b.Bytes())
		all = append(all, b)
	}
	for _, b := range all {
		b.Release()
	}
}

// A message of which one block is in a segment that is still on its way is
// whole when that has come: its other blocks are not the sender's meanwhile.
func TestMessageBeforeItsSegment(t *testing.T) {
	l := newLate(t, mailbox.Config{PoolBytes: 4 << 20}.Wire())
	typ := typeOf[two](t)
	var m mailbox.Message
	first := fill(t, l.out.Lend, 4<<10, 1)
	l.deliver(t)
	second := fill(t, l.out.Lend, 20<<10, 2)
	if err := mailbox.Send(l.out, wire.EntryTell, 0, 0, typ, &two{first, second}); err != nil {
		t.Fatal(err)
	}
	if err := l.in.Next(&m); !errors.Is(err, mailbox.ErrNotAnnounced) {
		t.Fatalf("the segment has not come: %v", err)
	}
	overwrite(l.out.Lend, 4<<10)
	l.deliver(t)
	var v two
	if err := errors.Join(l.in.Next(&m), mailbox.Decode(&m, typ, &v)); err != nil {
		t.Fatal(err)
	}
	if v.First.Bytes()[0] != 1 || v.Second.Bytes()[0] != 2 {
		t.Errorf("buffers of %d and %d came, of 1 and 2 were sent", v.First.Bytes()[0], v.Second.Bytes()[0])
	}
	l.in.Done(&m)
}

type wide struct {
	Text  []byte
	Lent  mailbox.Buffer
	Other mailbox.Buffer
}

// The same for an answer, whose payload is in a block, too.
func TestAnswerBeforeItsSegment(t *testing.T) {
	for _, c := range []struct {
		what                string
		text, lent, missing int
	}{
		{"lent buffer", 5 << 10, 4 << 10, 20 << 10},
		{"payload", 20 << 10, 4 << 10, 4 << 10},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newLate(t, mailbox.Config{PoolBytes: 4 << 20}.Wire())
			typ := typeOf[wide](t)
			const ask = transport.ReplySlots
			if err := mailbox.Send(l.out, wire.EntryAsk, ask, 0, typeOf[short](t), &short{}); err != nil {
				t.Fatal(err)
			}
			var m mailbox.Message
			if err := l.in.Next(&m); err != nil {
				t.Fatal(err)
			}
			fill(t, l.in.Lend, 8<<10, 9).Release()
			lent := fill(t, l.in.Lend, c.lent, 1)
			l.deliver(t)
			r := wide{Text: bytes.Repeat([]byte{2}, c.text), Lent: lent, Other: fill(t, l.in.Lend, c.missing, 3)}
			if err := mailbox.Reply(&m, typ, &r); err != nil {
				t.Fatal(err)
			}
			l.in.Done(&m)
			body, ok := l.peer.Answered(0, ask)
			if !ok {
				t.Fatal("no answer")
			}
			var v wide
			if err := mailbox.DecodeReply(l.peer, body, typ, &v); !errors.Is(err, mailbox.ErrNotAnnounced) {
				t.Fatalf("the segment has not come: %v", err)
			}
			overwrite(l.in.Lend, 4<<10)
			overwrite(l.in.Lend, 8<<10)
			l.deliver(t)
			if err := mailbox.DecodeReply(l.peer, body, typ, &v); err != nil {
				t.Fatal(err)
			}
			if v.Text[0] != 2 || v.Lent.Bytes()[0] != 1 || v.Other.Bytes()[0] != 3 {
				t.Errorf("%d, %d and %d came, 2, 1 and 3 were sent", v.Text[0], v.Lent.Bytes()[0], v.Other.Bytes()[0])
			}
			v.Lent.Release()
			v.Other.Release()
		})
	}
}

// Who sends to, or holds an answer of, a lane that is closed meanwhile finds
// that out, and no memory gone.
func TestUseAfterClose(t *testing.T) {
	l := newLate(t, mailbox.Config{}.Wire())
	if err := mailbox.Send(l.out, wire.EntryAsk, transport.ReplySlots, 0, typeOf[short](t), &short{}); err != nil {
		t.Fatal(err)
	}
	var m mailbox.Message
	if err := l.in.Next(&m); err != nil {
		t.Fatal(err)
	}
	if err := mailbox.Reply(&m, typeOf[wide](t), &wide{Lent: fill(t, l.in.Lend, 4<<10, 1)}); err != nil {
		t.Fatal(err)
	}
	l.deliver(t)
	var v wide
	body, _ := l.peer.Answered(0, transport.ReplySlots)
	if err := mailbox.DecodeReply(l.peer, body, typeOf[wide](t), &v); err != nil {
		t.Fatal(err)
	}
	l.out.Close()
	for _, n := range []int{1, 10_000} {
		if err := mailbox.Send(l.out, wire.EntryTell, 0, 0, typeOf[short](t), &short{make([]byte, n)}); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a message of %d bytes: %v", n, err)
		}
	}
	l.out.Cancel(0, transport.ReplySlots)
	if v.Lent.Bytes()[0] != 1 {
		t.Error("the buffer is another one")
	}
	v.Lent.Release()
}

// The blocks of answers whose askers have given up, before or after the answer
// was on its way, come back: they do not use up the memory for answers.
func TestLateAnswersKeepNoBlock(t *testing.T) {
	for _, c := range []struct {
		what   string
		early  bool // given up before the answer
		again  bool // and the next ask of the slot is given up unread
		answer wide
		lend   int
	}{
		{"before, payload", true, false, wide{Text: make([]byte, 5000)}, 0},
		{"before, lent", true, false, wide{}, 5000},
		{"after, payload", false, false, wide{Text: make([]byte, 5000)}, 0},
		{"after, lent", false, false, wide{}, 5000},
		{"after, and the next", false, true, wide{Text: make([]byte, 5000)}, 5000},
		{"after, lent, and the next", false, true, wide{}, 5000},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newLate(t, mailbox.Config{PoolBytes: 128 << 10, MaxBytes: 128 << 10}.Wire())
			var m mailbox.Message
			ask := uint64(3)
			next := func() error {
				ask += transport.ReplySlots
				return errors.Join(mailbox.Send(l.out, wire.EntryAsk, ask, 0, typeOf[short](t), &short{}), l.in.Next(&m))
			}
			for n := range 100 {
				if err := next(); err != nil {
					t.Fatal(err)
				}
				if c.early {
					l.out.Cancel(3, ask)
				}
				r := c.answer
				if c.lend > 0 {
					r.Lent = fill(t, l.in.Lend, c.lend, 1)
				}
				if err := mailbox.Reply(&m, typeOf[wide](t), &r); err != nil {
					t.Fatalf("answer %d: %v", n, err)
				}
				l.in.Done(&m)
				l.out.Cancel(3, ask)
				if c.again {
					if err := next(); err != nil {
						t.Fatal(err)
					}
					l.out.Cancel(3, ask)
					l.in.Done(&m)
				}
			}
			// One that is waited for has its blocks until they are given back.
			if err := next(); err != nil {
				t.Fatal(err)
			}
			if err := mailbox.Reply(&m, typeOf[wide](t), &wide{Text: []byte{7}, Lent: fill(t, l.in.Lend, 5000, 8)}); err != nil {
				t.Fatal(err)
			}
			l.in.Done(&m)
			overwrite(l.in.Lend, 5000)
			l.deliver(t)
			var v wide
			body, _ := l.peer.Answered(3, ask)
			if err := mailbox.DecodeReply(l.peer, body, typeOf[wide](t), &v); err != nil || v.Text[0] != 7 || v.Lent.Bytes()[0] != 8 {
				t.Fatalf("%+v, %v", v, err)
			}
			v.Lent.Release()
			if n := l.lendAll(); n != 16 {
				t.Errorf("%d of 16 blocks are free", n)
			}
		})
	}
}

// lendAll lends blocks of a pool of 16 for answers until none is free, and says how many.
func (l *late) lendAll() (n int) {
	for ; n <= 16; n++ {
		if _, err := l.in.Lend(5000); err != nil {
			break
		}
	}
	return n
}

// The buffers of an answer stay with its asker as long as it keeps them, whatever
// happens to later asks in the same slot.
func TestKeptAnswerIsNotLate(t *testing.T) {
	l := newLate(t, mailbox.Config{PoolBytes: 128 << 10, MaxBytes: 128 << 10}.Wire())
	var m mailbox.Message
	ask := uint64(3)
	answer := func(b byte) {
		t.Helper()
		ask += transport.ReplySlots
		if err := errors.Join(mailbox.Send(l.out, wire.EntryAsk, ask, 0, typeOf[short](t), &short{}), l.in.Next(&m)); err != nil {
			t.Fatal(err)
		}
		if err := mailbox.Reply(&m, typeOf[wide](t), &wide{Lent: fill(t, l.in.Lend, 5000, b)}); err != nil {
			t.Fatal(err)
		}
		l.in.Done(&m)
		l.deliver(t)
	}
	answer(1)
	var v wide
	body, _ := l.peer.Answered(3, ask)
	if err := mailbox.DecodeReply(l.peer, body, typeOf[wide](t), &v); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		answer(2)
		l.out.Cancel(3, ask)
		overwrite(l.in.Lend, 5000)
		if v.Lent.Bytes()[0] != 1 {
			t.Fatal("a kept buffer was lent anew")
		}
	}
	v.Lent.Release()
	if n := l.lendAll(); n != 16 {
		t.Errorf("%d of 16 blocks are free", n)
	}
}

// The blocks of late answers come back together, those of all slots, and all of each.
func TestLateAnswersOfSeveralSlots(t *testing.T) {
	l := newLate(t, mailbox.Config{PoolBytes: 128 << 10, MaxBytes: 128 << 10}.Wire())
	var m mailbox.Message
	const slots = 4
	for slot := range uint64(slots) {
		ask := transport.ReplySlots + slot
		if err := errors.Join(mailbox.Send(l.out, wire.EntryAsk, ask, 0, typeOf[short](t), &short{}), l.in.Next(&m)); err != nil {
			t.Fatal(err)
		}
		r := wide{Text: make([]byte, 5000), Lent: fill(t, l.in.Lend, 5000, 1)}
		if err := mailbox.Reply(&m, typeOf[wide](t), &r); err != nil {
			t.Fatal(err)
		}
		l.in.Done(&m)
	}
	if n := l.lendAll(); n != 16-2*slots {
		t.Fatalf("%d of 16 blocks are free while answers have the others, want %d", n, 16-2*slots)
	}
	for slot := range slots {
		l.out.Cancel(slot, transport.ReplySlots+uint64(slot))
	}
	if n := l.lendAll(); n != 2*slots {
		t.Errorf("%d blocks come back of answers that are given up, want %d", n, 2*slots)
	}
}
