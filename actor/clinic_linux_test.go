package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/transporttest"
)

// Clinic is the protocol of an actor that notes whom it sees, in a file that its
// incarnations share.
type (
	Clinic  struct{}
	Patient struct {
		actor.Tells[Clinic]
		N    uint64
		Data []byte
	}
	Emergency struct {
		actor.Tells[Clinic]
		actor.Urgent
		N    uint64
		Data []byte
	}
	Busy struct { // keeps it busy until the other end is closed
		actor.Tells[Clinic]
		Until actor.File
	}
	Crash struct { // kills its first handler
		actor.Tells[Clinic]
		actor.Urgent
		N int
	}
	Triage struct { // flat
		actor.Asks[Clinic, uint64]
		actor.Urgent
		N uint64
	}
	Stall struct { // is in hand when its first handler is killed
		actor.Tells[Clinic]
		actor.Urgent
		Until string // a file that its next handler waits for
	}
	Closing struct{ actor.Asks[Clinic, int] }
	Courier struct {
		actor.Tells[Clinic]
		actor.Urgent
		What actor.File
	}
)

const clinicVar = "CLINIC_NOTES"

var clinic = actor.Define("clinic", func(s *actor.Setup[Clinic]) error {
	f, err := os.OpenFile(os.Getenv(clinicVar), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	saw := func(class string, n uint64, data []byte) error {
		if !transporttest.Check(data, n) {
			class = "spoilt " + class
		}
		_, err := fmt.Fprintln(f, class, n)
		return err
	}
	actor.OnTell(s, func(_ *actor.Context, m Patient) error { return saw("patient", m.N, m.Data) })
	actor.OnTell(s, func(_ *actor.Context, m Emergency) error { return saw("emergency", m.N, m.Data) })
	actor.OnTell(s, func(_ *actor.Context, m Busy) error {
		_ = saw("busy", 0, nil)
		_, err := io.ReadAll(m.Until)
		return errors.Join(err, m.Until.Close())
	})
	actor.OnTell(s, func(c *actor.Context, m Crash) error {
		_ = saw("crash", uint64(m.N), nil)
		if c.Incarnation() == 1 {
			os.Exit(3)
		}
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, m Stall) error {
		_ = saw("stall", 0, nil)
		for {
			if _, err := os.Stat(m.Until); c.Incarnation() > 1 && err == nil {
				return nil
			}
			runtime.Gosched()
		}
	})
	actor.OnTell(s, func(*actor.Context, Courier) error { return nil })
	actor.OnAsk(s, func(_ *actor.Context, m Triage) (uint64, error) { return m.N, saw("triage", m.N, nil) })
	actor.OnAsk(s, func(*actor.Context, Closing) (int, error) { return os.Getpid(), nil })
	return nil
})

// ward is a clinic that runs, and what is known of it.
type ward struct {
	t     *testing.T
	ctx   context.Context
	sup   *supervisor.Supervisor
	ref   actor.Ref[Clinic]
	notes string

	mu      sync.Mutex
	letters []supervisor.Letter
}

func newWard(t *testing.T, box mailbox.Config) *ward {
	t.Helper()
	return newWardOf(t, supervisor.Child{Mailbox: box})
}

func newWardOf(t *testing.T, child supervisor.Child) *ward {
	t.Helper()
	w := &ward{t: t, notes: filepath.Join(t.TempDir(), "notes")}
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard)
	t.Cleanup(cancel)
	sup, err := supervisor.New(ctx, supervisor.Spec{Intensity: 1000, Log: slog.New(slog.DiscardHandler), OnLetter: func(l supervisor.Letter) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.letters = append(w.letters, l)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Shutdown)
	w.sup, w.ctx = sup, sup.Context(ctx)
	child.Mailbox.Priorities, child.Stderr, child.Env = true, io.Discard, []string{clinicVar + "=" + w.notes}
	w.ref, err = supervisor.StartChild(w.ctx, sup, clinic, child)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// busy keeps the clinic busy until the returned function is called.
func (w *ward) busy() (free func()) {
	w.t.Helper()
	r, gate, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	n := len(w.noted())
	tellUrgent(w, Busy{Until: actor.File{File: r}})
	r.Close()
	w.sawSoFar(n + 1)
	return func() { gate.Close() }
}

func tellUrgent[M actor.ToldTo[Clinic]](w *ward, m M) {
	w.t.Helper()
	if err := actor.Tell(w.ctx, w.ref, m); err != nil {
		w.t.Fatal(err)
	}
}

// noted is what the clinic has noted, busy times included.
func (w *ward) noted() []string {
	w.t.Helper()
	b, err := os.ReadFile(w.notes)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

// sawSoFar waits until the clinic has noted n.
func (w *ward) sawSoFar(n int) {
	w.t.Helper()
	for len(w.noted()) < n {
		if w.ctx.Err() != nil {
			w.t.Fatalf("it saw only %s", w.noted())
		}
		runtime.Gosched()
	}
}

// sees fails the test unless the clinic ends up with these notes.
func (w *ward) sees(want ...string) {
	w.t.Helper()
	w.sawSoFar(len(want))
	if _, err := actor.Ask(w.ctx, w.ref, Closing{}); err != nil {
		w.t.Fatal(err)
	}
	if got := strings.Join(w.noted(), ", "); got != strings.Join(want, ", ") {
		w.t.Errorf("it saw %s\nwant   %s", got, strings.Join(want, ", "))
	}
}

// filled is n bytes that the clinic finds whole as those of number i.
func filled(i uint64, n int) []byte {
	b := make([]byte, n)
	transporttest.Fill(b, i)
	return b
}

// onPriorities runs a test on each form of queue that has priorities.
func onPriorities(t *testing.T, f func(t *testing.T, queue string)) {
	for _, s := range lane.Probe() {
		if s.Form.CreatePriority == nil {
			continue
		}
		t.Run(s.Form.Name, func(t *testing.T) {
			if s.Err != nil {
				testutil.Refused(t, s.Err)
			}
			f(t, s.Form.Name)
		})
	}
}
func numbers(from, to int) string {
	s := ""
	for n := from; n < to; n++ {
		s += fmt.Sprint(" ", n)
	}
	return s
}

// eachClass fails the test unless each class was seen in the order sent.
func (w *ward) eachClass(want map[string]string) {
	w.t.Helper()
	got := map[string][]string{}
	for _, note := range w.noted() {
		class, n, _ := strings.Cut(note, " ")
		got[class] = append(got[class], n)
	}
	for class, numbers := range want {
		if all := strings.Join(got[class], " "); all != numbers {
			w.t.Errorf("of class %s it saw %s\nwant %s", class, all, numbers)
		}
	}
}
