package transporttest_test

import (
	"os"
	"testing"
	"time"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/notify"
	"github.com/understudy-go/understudy/transport/transporttest"
)

// notifierCheats are notifiers that break one rule each, and the case of the
// suite that must see it.
var notifierCheats = []struct {
	name, seen string // seen "": an honest one
	bend       func(transport.Notifier) transport.Notifier
}{
	{"honest notifier", "", func(n transport.Notifier) transport.Notifier { return n }},
	{"never wakes", "wakes", func(n transport.Notifier) transport.Notifier { return &deaf{Notifier: n, every: 1} }},
	{"loses a wake-up", "wakes", func(n transport.Notifier) transport.Notifier { return &deaf{Notifier: n, every: 50} }},
	{"sleeps on what has changed", "changed_before", func(n transport.Notifier) transport.Notifier { return sleepy{n} }},
	{"loses an interruption", "interrupt", func(n transport.Notifier) transport.Notifier { return &stubborn{Notifier: n} }},
}

func init() {
	for _, c := range notifierCheats {
		transporttest.ExtendNotifiers(c.name, func() (transport.Notifier, error) {
			n, err := notify.NewFutex()
			if err != nil {
				if n, err = notify.NewEventfd(); err != nil {
					return nil, err
				}
			}
			return c.bend(n), nil
		})
	}
}

// deaf is a notifier of which one wake-up in some is lost.
type deaf struct {
	transport.Notifier
	wakes, every int
}

func (d *deaf) Wake(w transport.Word, fd int) error {
	if d.wakes++; d.wakes%d.every == 0 {
		return nil
	}
	return d.Notifier.Wake(w, fd)
}

// sleepy believes that bells have the value that they have now.
type sleepy struct{ transport.Notifier }

func (s sleepy) Wait(bells []transport.Bell, timeout time.Duration) error {
	for i := range bells {
		bells[i].Seen = bells[i].Word.Load()
	}
	return s.Notifier.Wait(bells, timeout)
}

// stubborn loses every tenth interruption.
type stubborn struct {
	transport.Notifier
	n int
}

func (s *stubborn) Interrupt() {
	if s.n++; s.n%10 != 0 {
		s.Notifier.Interrupt()
	}
}

// TestNotifiers runs every form of notifier.
func TestNotifiers(t *testing.T) {
	for _, name := range []string{"futex", "eventfd"} {
		t.Run(name, func(t *testing.T) { transporttest.Notifier(t, name) })
	}
}

// TestNotifierCheat runs the suite over a cheater, in a process of its own.
func TestNotifierCheat(t *testing.T) {
	for _, c := range notifierCheats {
		if os.Getenv(cheatVar) == c.name {
			transporttest.Notifier(t, c.name)
		}
	}
}

// TestNotifierCheatersFail: the suite sees each cheat, by the case that is about
// it.
func TestNotifierCheatersFail(t *testing.T) {
	for _, c := range notifierCheats {
		t.Run(c.name, func(t *testing.T) {
			if c.seen != "" { // what is lost does not come later
				t.Setenv(transporttest.PatienceVariable, "300ms")
			}
			seesCheat(t, "TestNotifierCheat", c.name, c.seen, ".")
		})
	}
}
