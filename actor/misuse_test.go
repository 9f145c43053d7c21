package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// Clumsy is the protocol of an actor that does what it should not.
type Clumsy struct{}

type (
	Err  struct{ Text string }
	Slip struct { // make that mistake
		actor.Asks[Clumsy, Err]
		What string
	}
	Babble struct {
		actor.Tells[Clumsy]
		Data []byte
		Lent actor.Buffer
	}
	Spoil struct { // lend so many bytes, and fail
		actor.Asks[Clumsy, Spoiled]
		N        int
		Released bool
	}
	Spoiled struct{ First, Second actor.Buffer }
)

var clumsy = actor.Define("clumsy", func(s *actor.Setup[Clumsy]) error {
	group, err := actor.Group[Clumsy](s.Context(), "babblers")
	if err != nil {
		return err
	}
	if err := actor.Join(s.Context(), s.Self(), "babblers"); err != nil {
		return err
	}
	self := s.Self()
	actor.OnTell(s, func(*actor.Context, Babble) error { return nil })
	actor.OnAsk(s, func(c *actor.Context, m Slip) (Err, error) { return Err{slip(c, s, self, group, m.What)}, nil })
	actor.OnAsk(s, func(c *actor.Context, m Spoil) (r Spoiled, err error) {
		if r.First, err = c.Lend(m.N); err != nil {
			return r, err
		}
		if r.Second, err = c.Lend(m.N); err != nil {
			r.First.Release()
			return r, err
		}
		if m.Released {
			r.First.Release()
			r.Second.Release()
		}
		return r, errors.New("spoiled")
	})
	return nil
})

// slip makes a mistake, and says what it was told of it.
func slip(c *actor.Context, s *actor.Setup[Clumsy], self, group actor.Ref[Clumsy], what string) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint("panic: ", v)
		}
	}()
	data := make([]byte, 20<<10)
	tell := func(to actor.Ref[Clumsy], data []byte) error {
		for range 100_000 {
			if err := actor.Tell(c, to, Babble{Data: data}); err != nil {
				return err
			}
		}
		return nil
	}
	switch what {
	case "tell itself":
		return full(tell(self, nil))
	case "tell itself much":
		return full(tell(self, data))
	case "tell its group":
		return full(tell(group, nil))
	case "tell its group much":
		return full(tell(group, data))
	case "lend for itself":
		for {
			if _, err := actor.Lend(c, self, len(data)); err != nil {
				return full(err)
			}
		}
	case "lend for its group":
		for {
			b, err := actor.LendAll(c, []actor.Ref[Clumsy]{group}, len(data))
			if err != nil {
				return full(err)
			}
			if err := actor.TellAll(c, []actor.Ref[Clumsy]{group}, Babble{Lent: b}); err != nil {
				return "not told: " + full(err)
			}
		}
	case "leave for another":
		return fmt.Sprint(actor.Leave(c, actor.Ref[Clumsy]{ID: self.ID + 1}, "babblers"))
	case "late handler":
		actor.OnTell(s, func(*actor.Context, Babble) error { return nil })
	case "monitor nobody":
		_, err := c.Monitor(0)
		if u := new(actor.UnknownError); errors.As(err, &u) {
			return "unknown"
		}
		return fmt.Sprint(err)
	}
	return "nothing happened"
}

func full(err error) string {
	if errors.Is(err, actor.ErrFull) {
		return "full: " + err.Error()
	}
	return fmt.Sprint(err)
}

func startClumsy(t *testing.T, box mailbox.Config, n int) (context.Context, []actor.Ref[Clumsy]) {
	t.Helper()
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	var refs []actor.Ref[Clumsy]
	for i := range n {
		ref, err := supervisor.StartChild(ctx, sup, clumsy, supervisor.Child{Name: fmt.Sprint("clumsy", i), Mailbox: box})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return ctx, refs
}

// TestMistakesOfAnActor: what an actor's own code should not do ends at once, with a
// text that says so: what would wait for itself, too.
func TestMistakesOfAnActor(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for what, want := range map[string]string{
		"tell itself":         "its code has returned",
		"tell itself much":    "its code has returned",
		"tell its group":      "its code has returned",
		"tell its group much": "its code has returned",
		"lend for itself":     "its code has returned",
		"lend for its group":  "its code has returned",
		"leave for another":   "is not this actor",
		"late handler":        "in its Setup",
		"monitor nobody":      "unknown",
	} {
		t.Run(what, func(t *testing.T) {
			ctx, refs := startClumsy(t, mailbox.Config{RingBytes: 16 << 10, PoolBytes: 1 << 20}, 2)
			ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
			defer cancel()
			e, err := actor.Ask(ctx, refs[0], Slip{What: what})
			if err != nil || !strings.Contains(e.Text, want) {
				t.Errorf("%q, %v, want %q", e.Text, err, want)
			}
			if e, err := actor.Ask(ctx, refs[0], Slip{}); err != nil || e.Text != "nothing happened" {
				t.Errorf("afterwards: %q, %v", e.Text, err)
			}
		})
	}
}

// TestAnswerBesideAnError: the buffers of an answer that is not sent, since the handler
// has failed, are given back, unless the handler has done so.
func TestAnswerBesideAnError(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for _, released := range []bool{false, true} {
		ctx, refs := startClumsy(t, mailbox.Config{PoolBytes: 1 << 20}, 1)
		for i := range 40 {
			ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
			_, err := actor.Ask(ctx, refs[0], Spoil{N: 100 << 10, Released: released})
			cancel()
			if e := new(actor.RemoteError); !errors.As(err, &e) || e.Text != "spoiled" {
				t.Fatalf("released %v, ask %d: %v", released, i, err)
			}
		}
	}
}

// TestMistakesOfACaller: what makes no sense is refused, with the right words.
func TestMistakesOfACaller(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	var unknown *actor.UnknownError
	if _, _, err := actor.Monitor(ctx, actor.Ref[Worker]{}); !errors.As(err, &unknown) {
		t.Error("a monitor of the zero Ref:", err)
	}
	if _, err := actor.Lookup[Worker](ctx, ""); !errors.As(err, &unknown) || !strings.Contains(err.Error(), `called ""`) {
		t.Error("a lookup of no name:", err)
	}
	if _, err := actor.NewStream(ctx, ref, "", 1, nil); !errors.Is(err, actor.ErrUnhandled) || !strings.Contains(err.Error(), "OnStream") || strings.Contains(err.Error(), "OnAsk") {
		t.Error("a stream to one that takes none:", err)
	}
	var size *transport.SizeError
	if _, err := actor.LendAll(ctx, []actor.Ref[Worker]{ref}, mailbox.DefaultPoolBytes+1); !errors.As(err, &size) || !strings.Contains(err.Error(), "PoolBytes") {
		t.Error("too much for a set:", err)
	}
	for what, define := range map[string]func(){
		"late": func() { actor.Define("late", func(*actor.Setup[Worker]) error { return nil }) },
		"nil":  func() { actor.Define[Worker]("nil", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Define when the program has begun, or of nothing, does not panic:", what)
				}
			}()
			define()
		}()
	}
}

// TestNobodyIsTold: a message that is told to nobody takes its buffers along.
func TestNobodyIsTold(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 1 << 20}})
	for i := range 50 {
		ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
		b, err := actor.Lend(ctx, ref, 100<<10)
		cancel()
		if err != nil {
			t.Fatal(i, err)
		}
		if err := actor.TellAll[Worker](ctx, nil, Blot{Data: b}); err != nil {
			t.Fatal(i, err)
		}
	}
}

// TestErrorsWhenTheProgramHasEnded: whatever is tried then gives ErrEnded.
func TestErrorsWhenTheProgramHasEnded(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	if _, err := actor.Ask(ctx, ref, Add{}); err != nil {
		t.Fatal(err)
	}
	sup.Shutdown()
	refs := []actor.Ref[Worker]{ref}
	_, asked := actor.Ask(ctx, ref, Add{})
	_, lent := actor.Lend(ctx, ref, 1)
	_, lentAll := actor.LendAll(ctx, refs, 1)
	_, explained := actor.Explain(ctx, ref, Note{})
	_, streamed := actor.NewStream(ctx, ref, "", 1, nil)
	_, looked := actor.Lookup[Worker](ctx, "worker")
	_, grouped := actor.Group[Worker](ctx, "some")
	_, _, monitored := actor.Monitor(ctx, ref)
	for what, err := range map[string]error{
		"Tell": actor.Tell(ctx, ref, Note{}), "Ask": asked, "Lend": lent, "LendAll": lentAll, "TellAll": actor.TellAll(ctx, refs, Note{}),
		"Explain": explained, "NewStream": streamed, "Lookup": looked, "Group": grouped, "Monitor": monitored,
		"Tell another": actor.Tell(ctx, actor.Ref[Worker]{ID: 4711}, Note{}),
	} {
		if !errors.Is(err, actor.ErrEnded) {
			t.Errorf("%s: %v, want ErrEnded", what, err)
		}
		if strings.Contains(fmt.Sprintf("%T", err), "node.") {
			t.Errorf("%s: %T, a type that has no name for users", what, err)
		}
	}
}
