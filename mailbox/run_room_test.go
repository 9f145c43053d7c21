package mailbox_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// runs calls Run for up to limit messages of type M, whose handler does nothing.
func runs[M any](t *testing.T, in *mailbox.Inbox, m *mailbox.Message, limit int) {
	t.Helper()
	var stop, system atomic.Bool
	in.Look(m)
	all := mailbox.NewHandlers(map[codec.ID]mailbox.Handler{typeOf[M](t).ID(): func(*mailbox.Message, []byte) error { return nil }})
	if n, err := in.Run(m, all, limit, &stop, &system); n != limit || err != nil {
		t.Fatalf("%d were run, %v; want %d", n, err, limit)
	}
}

// TestRunHurries: a sender that has waited for long is told of the room of each
// message, in a ring that is full.
func TestRunHurries(t *testing.T) {
	r := newRung(t)
	for mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[[4]int32](t), &[4]int32{}) == nil {
	}
	var m mailbox.Message
	r.out.WantRoom(true)
	before := r.peer.Bell().Load()
	if runs[[4]int32](t, r.in, &m, 3); r.peer.Bell().Load() != before {
		t.Error("it is told of little room, and is in no hurry")
	}
	r.out.Hurry(true)
	for range 3 {
		before := r.peer.Bell().Load()
		if runs[[4]int32](t, r.in, &m, 1); r.peer.Bell().Load() == before {
			t.Error("it is in a hurry, and not told")
		}
		if err := mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[[4]int32](t), &[4]int32{}); err != nil {
			t.Error(err)
		}
	}
}

// TestRunGivesRoomBackByQuarters: of a full ring that is handled in one run, the sender
// gets the room back in a few parts, not with each message and not at the end only.
func TestRunGivesRoomBackByQuarters(t *testing.T) {
	small := mailbox.Config{RingBytes: 4 << 10}
	t.Run("plain", func(t *testing.T) {
		r := newRungOf(t, small)
		quarters[[4]int32](t, r, func() error { return mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[[4]int32](t), &[4]int32{}) })
	})
	t.Run("lent", func(t *testing.T) {
		r := newRungOf(t, small)
		quarters[blob](t, r, func() error {
			b, err := r.out.Lend(10)
			if err != nil {
				return err
			}
			if err = mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{b}); err != nil {
				b.Release()
			}
			return err
		})
	})
}

func quarters[M any](t *testing.T, r *rung, send func() error) {
	t.Helper()
	n := 0
	for ; send() == nil; n++ {
	}
	r.deliver(t)
	heads := map[uint64]bool{}
	all := mailbox.NewHandlers(map[codec.ID]mailbox.Handler{typeOf[M](t).ID(): func(*mailbox.Message, []byte) error {
		heads[r.peer.Page.Head.Load()] = true
		return nil
	}})
	var stop, system atomic.Bool
	var m mailbox.Message
	r.in.Look(&m)
	if got, err := r.in.Run(&m, all, n, &stop, &system); got != n || err != nil || n < 16 {
		t.Fatalf("%d of %d were run, %v", got, n, err)
	}
	if len(heads) < 3 || len(heads) > n/2 {
		t.Errorf("while %d messages were handled the sender saw %d heads; want one for each quarter, about", n, len(heads))
	}
}

// TestRunTellsOfAllAtItsEnd: when it ends before the messages do, the sender has every
// block of those that were handled.
func TestRunTellsOfAllAtItsEnd(t *testing.T) {
	const size = 4 << 10
	out, in := pair(t, mailbox.Config{PoolBytes: 64 << 10, MaxBytes: 64 << 10}.Wire())
	defer in.Close()
	defer out.Close()
	for {
		b, err := out.Lend(size)
		if errors.Is(err, mailbox.ErrFull) {
			break
		}
		if err == nil {
			err = mailbox.Send(out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{b})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var m mailbox.Message
	for _, n := range []int{1, 2, 3} {
		runs[blob](t, in, &m, n)
		for range n {
			if _, err := out.Lend(size); err != nil {
				t.Fatalf("of %d that were handled not all are back: %v", n, err)
			}
		}
	}
}

// TestRunSaysDoneFirst: when the sender learns that a block is back, its message is not
// in hand any more: a successor would read what the sender writes next.
func TestRunSaysDoneFirst(t *testing.T) {
	r := newRung(t)
	b, err := r.out.Lend(10)
	if err == nil {
		err = mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[blob](t), &blob{b})
	}
	if err == nil { // what follows is handled in the same run
		err = mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[[4]int32](t), &[4]int32{})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.deliver(t)
	r.out.WantRoom(true)
	r.out.Sleep().Arm()
	told := false
	r.byIn.wake = func() {
		told = true
		if w := transport.InFlight(r.peer.Page.InFlight.Load()); w.State() != transport.HandDone {
			t.Errorf("it is in state %d", w.State())
		}
	}
	var m mailbox.Message
	if runs[blob](t, r.in, &m, 1); !told {
		t.Error("the sender was not told")
	}
}
