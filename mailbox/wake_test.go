package mailbox_test

import (
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/wire"
)

// counted is a notifier that counts the wakes of a peer.
type counted struct {
	transport.Notifier
	wakes int
	wake  func() // called at each, if it is not nil
}

func (c *counted) Wake(transport.Word, int) error {
	c.wakes++
	if c.wake != nil {
		c.wake()
	}
	return nil
}

// rung is a lane whose ends' wakes of each other are counted.
type rung struct {
	*late
	byOut, byIn *counted
}

func newRung(t *testing.T) *rung {
	t.Helper()
	return newRungOf(t, mailbox.Config{})
}

func newRungOf(t *testing.T, cfg mailbox.Config) *rung {
	t.Helper()
	n, err := notify.Best()
	if n == nil {
		t.Fatal(err)
	}
	byOut, byIn := &counted{Notifier: n}, &counted{Notifier: n}
	r := &rung{newLateBy(t, cfg.Wire(), byOut, byIn), byOut, byIn}
	t.Cleanup(func() { r.deliver(t) })
	return r
}

// wakesOnce checks that f changes a bell each time, and wakes who sleeps, once for
// each sleep.
func wakesOnce(t *testing.T, bell transport.Word, sleep transport.Sleep, c *counted, f func()) {
	t.Helper()
	do := func(want int, when string) {
		t.Helper()
		before, wakes := bell.Load(), c.wakes
		f()
		if bell.Load() == before {
			t.Errorf("%s: the bell did not change", when)
		}
		if got := c.wakes - wakes; got != want {
			t.Errorf("%s: %d wakes, want %d", when, got, want)
		}
	}
	do(0, "awake")
	for range 3 {
		sleep.Arm()
		do(1, "asleep")
		do(0, "woken")
		sleep.Disarm()
	}
	do(0, "awake again")
}

// TestEveryWayWakes: a message rings, and wakes its receiver, whichever way it goes.
func TestEveryWayWakes(t *testing.T) {
	lent := func(t *testing.T, r *rung) *blob {
		b, err := r.out.Lend(10)
		if err != nil {
			t.Fatal(err)
		}
		return &blob{b}
	}
	for what, send := range map[string]func(t *testing.T, r *rung) bool{
		"told plain": func(t *testing.T, r *rung) bool { typeOf[[4]int32](t); return mailbox.Tell(r.out, &[4]int32{}) },
		"told lent":  func(t *testing.T, r *rung) bool { typeOf[blob](t); return mailbox.Tell(r.out, lent(t, r)) },
		"sent plain": func(t *testing.T, r *rung) bool {
			return mailbox.Send(r.out, wire.EntryAsk, 256, 0, typeOf[[4]int32](t), &[4]int32{}) == nil
		},
		"sent inline": func(t *testing.T, r *rung) bool {
			return mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[short](t), &short{make([]byte, 10)}) == nil
		},
		"sent large": func(t *testing.T, r *rung) bool {
			return mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[short](t), &short{make([]byte, 9000)}) == nil
		},
		"sent lent": func(t *testing.T, r *rung) bool {
			return mailbox.Send(r.out, wire.EntryTell, 0, 0, typeOf[blob](t), lent(t, r)) == nil
		},
		"cancelled": func(t *testing.T, r *rung) bool { r.out.Cancel(3, 256+3); return true },
	} {
		t.Run(what, func(t *testing.T) {
			r := newRung(t)
			wakesOnce(t, r.in.Bell(), r.in.Sleep(), r.byOut, func() {
				if !send(t, r) {
					t.Error("it was not sent")
				}
			})
		})
	}
}

// TestAnswersWake: an answer rings, and wakes its asker; so does room that is waited
// for, and no other.
func TestAnswersWake(t *testing.T) {
	r := newRung(t)
	var m mailbox.Message
	ask := func() {
		t.Helper()
		if err := mailbox.Send(r.out, wire.EntryAsk, 256, 0, typeOf[short](t), &short{}); err != nil {
			t.Fatal(err)
		}
		if err := r.in.Next(&m); err != nil {
			t.Fatal(err)
		}
	}
	wakesOnce(t, r.peer.Bell(), r.out.Sleep(), r.byIn, func() {
		ask()
		if err := mailbox.Reply(&m, typeOf[short](t), &short{}); err != nil {
			t.Error(err)
		}
		r.in.Done(&m)
	})
	before := r.peer.Bell().Load()
	r.in.Flush(&m)
	if r.peer.Bell().Load() != before {
		t.Error("it rings for room that nobody waits for")
	}
	r.out.WantRoom(true)
	wakesOnce(t, r.peer.Bell(), r.out.Sleep(), r.byIn, func() {
		ask()
		r.in.Done(&m)
		r.in.Flush(&m)
	})
}

// TestInstallWakes: a receiver whose page is taken into use is woken whatever it says:
// it may have gone to sleep while messages came that woke nobody.
func TestInstallWakes(t *testing.T) {
	r := newRung(t)
	if r.byOut.wakes != 1 || r.in.Bell().Load() == 0 {
		t.Errorf("%d wakes, want 1; the bell is %d", r.byOut.wakes, r.in.Bell().Load())
	}
}
