package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// A Tally notes of each sender's messages whether they come one after another.
type Tally struct{}

type (
	Item struct {
		actor.Tells[Tally]
		From string
		Seq  int
		Data []byte
	}
	Check struct { // an entry that is answered
		actor.Asks[Tally, Checked]
		From string
		Seq  int
		Data []byte
	}
	Checked  struct{ Seq, Bytes int }
	Status   struct{ actor.Asks[Tally, Standing] }
	Standing struct {
		PID, Incarnation int
		Setups           int // of this process, and of those that handed over to it
		Last             map[string]int
		Wrong            []string
		Downs            []string
		Ballast          int
	}
	Keep struct { // makes the state so large
		actor.Tells[Tally]
		Bytes int
	}
	Wait struct { // holds the handler until the test lets it go on
		actor.Tells[Tally]
		File string
	}
	Guard struct { // links it with a node
		actor.Asks[Tally, Checked]
		ID uint32
	}
)

// book is the state of a tally.
type book struct {
	Setups  int
	Last    map[string]int
	Wrong   []string
	Ballast []byte
}

func (b *book) note(from string, seq int) {
	if seq != b.Last[from]+1 && len(b.Wrong) < 10 {
		b.Wrong = append(b.Wrong, fmt.Sprintf("%s: %d after %d", from, seq, b.Last[from]))
	}
	b.Last[from] = seq
}

var tally = actor.Define("tally", func(s *actor.Setup[Tally]) error {
	b, how := book{Setups: 1, Last: map[string]int{}}, os.Getenv("TALLY")
	again := s.Context().Incarnation() > 1
	if v := os.Getenv("TALLY_ASKS"); v != "" {
		var id uint32
		fmt.Sscan(v, &id)
		if _, err := actor.Ask(s.Context(), actor.Ref[Node]{ID: id}, Who{}); err != nil {
			return err
		}
	}
	if how == "asks itself" {
		if _, err := actor.Ask(s.Context(), s.Self(), Status{}); !errors.Is(err, actor.ErrCallingSelf) {
			return fmt.Errorf("its Setup asks it: %v", err)
		}
	}
	switch {
	case again && how == "setup fails":
		return errors.New("the port is taken")
	case again && how == "setup hangs":
		select {}
	case again && how == "setup is ignored":
		return actor.ErrIgnore
	}
	var downs []string
	if os.Getenv("TALLY_TRAP") != "" {
		s.OnExit(func(c *actor.Context, d actor.Down) { downs = append(downs, d.Exit.Reason) })
	}
	if how != "no state" {
		actor.OnHandover(s, func(*actor.Context) (book, error) {
			switch how {
			case "give fails":
				return b, errors.New("not now")
			case "give dies":
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			case "give hangs":
				fmt.Fprintln(os.Stderr, "giving")
				sleepUntil(os.Getenv("TALLY_FILE"))
			}
			return b, nil
		})
	}
	if how != "takes none" {
		actor.OnState(s, func(_ *actor.Context, old book) error {
			switch how {
			case "take fails":
				return errors.New("no room for it")
			case "take dies":
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			case "take hangs":
				select {}
			}
			old.Setups += b.Setups
			b = old
			return nil
		})
	}
	var handled *os.File // what all processes of this actor have handled
	if name := os.Getenv("TALLY_LEDGER"); name != "" {
		var err error
		if handled, err = os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	if !again || how != "handles less" {
		actor.OnTell(s, func(_ *actor.Context, e Item) (err error) {
			b.note(e.From, e.Seq)
			if handled != nil {
				// Sixteen bytes, so that no record crosses a page: of a write that
				// does, SIGKILL can leave the first part.
				_, err = fmt.Fprintf(handled, "%15d\n", e.Seq)
			}
			return err
		})
	}
	actor.OnAsk(s, func(_ *actor.Context, e Check) (Checked, error) {
		b.note(e.From, e.Seq)
		return Checked{e.Seq, len(e.Data)}, nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Status) (Standing, error) {
		return Standing{os.Getpid(), c.Incarnation(), b.Setups, b.Last, b.Wrong, downs, len(b.Ballast)}, nil
	})
	if how != "handles more once" || s.Context().Incarnation() == 2 {
		actor.OnTell(s, func(_ *actor.Context, k Keep) error { b.Ballast = make([]byte, k.Bytes); return nil })
	}
	actor.OnTell(s, func(_ *actor.Context, w Wait) error {
		sleepUntil(w.File)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, g Guard) (Checked, error) { return Checked{}, c.Link(g.ID) })
	s.OnStop(func(c *actor.Context) {
		switch {
		case how == "stop hangs" && c.Replaced():
			select {}
		case how == "stop waits" && c.Replaced():
			fmt.Fprintln(os.Stderr, "stopping")
			sleepUntil(os.Getenv("TALLY_FILE"))
		case how == "stop dies" && c.Replaced():
			panic("it was told to")
		}
	})
	return nil
})

// sleepUntil waits until the test lets all go on that wait at a named pipe.
func sleepUntil(pipe string) {
	f, err := os.Open(pipe) // waits for a writer
	if err == nil {
		_, err = f.Read(make([]byte, 1))
		f.Close()
	}
	if err != nil {
		panic(err)
	}
}

// A Courier sends to a tally, from a process of its own, until it is told to
// stop.
type Courier struct{}

type (
	Carry struct {
		actor.Asks[Courier, Carried]
		To   actor.Ref[Tally]
		Name string
	}
	Finish  struct{ actor.Asks[Courier, Carried] }
	Carried struct {
		Sent int
		Err  string
	}
)

var courier = actor.Define("courier", func(s *actor.Setup[Courier]) error {
	stop, sent := make(chan struct{}), make(chan Carried, 1)
	actor.OnAsk(s, func(_ *actor.Context, c Carry) (Carried, error) {
		go func() { sent <- carry(context.Background(), c.To, c.Name, stop) }()
		return Carried{}, nil
	})
	actor.OnAsk(s, func(*actor.Context, Finish) (Carried, error) {
		close(stop)
		return <-sent, nil
	})
	return nil
})

// carry sends numbered messages of all kinds, one after another.
func carry(ctx context.Context, to actor.Ref[Tally], name string, stop <-chan struct{}) (c Carried) {
	large := make([]byte, 40<<10)
	for {
		select {
		case <-stop:
			return c
		default:
		}
		seq := c.Sent + 1
		var data []byte
		if seq%7 == 0 {
			data = large
		}
		var err error
		if seq%5 == 0 {
			var got Checked
			got, err = actor.Ask(ctx, to, Check{From: name, Seq: seq, Data: data})
			if err == nil && (got.Seq != seq || got.Bytes != len(data)) {
				err = fmt.Errorf("%d was answered with %+v", seq, got)
			}
		} else {
			err = actor.Tell(ctx, to, Item{From: name, Seq: seq, Data: data})
		}
		if err != nil {
			c.Err = err.Error()
			return c
		}
		c.Sent = seq
	}
}

func startTally(t testing.TB, ctx context.Context, sup *supervisor.Supervisor, c supervisor.Child) actor.Ref[Tally] {
	t.Helper()
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	ref, err := supervisor.StartChild(ctx, sup, tally, c)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(t testing.TB, ctx context.Context, ref actor.Ref[Tally]) Standing {
	t.Helper()
	r, err := actor.Ask(ctx, ref, Status{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReplaceUnderTraffic: senders in several processes send small and large
// messages and asks without a pause while the receiver is replaced again and
// again: nothing is lost, doubled or overtaken, and nothing is a restart.
func TestReplaceUnderTraffic(t *testing.T) {
	for _, form := range lane.Probe() {
		t.Run(form.Form.Name, func(t *testing.T) {
			if form.Err != nil {
				testutil.Refused(t, form.Err)
			}
			rounds := testutil.Rounds(3, 100)
			if form.Form.Name == "ring" {
				rounds = testutil.Rounds(10, 100)
			}
			replaceUnderTraffic(t, atRoot, rounds, supervisor.Child{Mailbox: mailbox.Config{Queue: form.Form.Name}})
		})
	}
}

func replaceUnderTraffic(t *testing.T, at place, rounds int, child supervisor.Child) {
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: supervisor.NoRestarts})
	_, ref := at(t, ctx, sup, supervisor.Spec{Intensity: supervisor.NoRestarts}, child)
	stop, own := make(chan struct{}), make(chan Carried, 2)
	for i := range cap(own) {
		go func() { own <- carry(ctx, ref, fmt.Sprint("root", i), stop) }()
	}
	var couriers []actor.Ref[Courier]
	for i := range 2 {
		c, err := supervisor.StartChild(ctx, sup, courier, supervisor.Child{Name: fmt.Sprint("courier", i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := actor.Ask(ctx, c, Carry{To: ref, Name: fmt.Sprint("courier", i)}); err != nil {
			t.Fatal(err)
		}
		couriers = append(couriers, c)
	}
	before := read(t, ctx, ref)
	for range rounds {
		if err := sup.Replace(ctx, ref.ID, supervisor.Replacement{}); err != nil {
			t.Fatal(err)
		}
		now := read(t, ctx, ref)
		if now.PID == before.PID || now.Incarnation != before.Incarnation+1 || now.Setups != before.Setups+1 || len(now.Wrong) > 0 {
			t.Fatalf("%+v\nafter %+v", now, before)
		}
		before = now
	}
	close(stop)
	want := map[string]int{}
	done := func(name string, c Carried, err error) {
		if err != nil || c.Err != "" || c.Sent == 0 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		want[name] = c.Sent
	}
	for i := range couriers {
		c, err := actor.Ask(ctx, couriers[i], Finish{})
		done(fmt.Sprint("courier", i), c, err)
	}
	var sent []int
	for range cap(own) {
		c := <-own
		done("root", c, nil)
		sent = append(sent, c.Sent)
	}
	delete(want, "root")
	slices.Sort(sent)
	// What others have sent may come after what this process asks.
	last := read(t, ctx, ref)
	for name, n := range want {
		for last.Last[name] < n && ctx.Err() == nil {
			last = read(t, ctx, ref)
		}
	}
	if got := []int{last.Last["root0"], last.Last["root1"]}; !slices.Equal(sorted(got), sent) {
		t.Errorf("of the root's %v messages %v have come", sent, got)
	}
	total := sent[0] + sent[1]
	for name, n := range want {
		total += n
		if last.Last[name] != n {
			t.Errorf("of %s's %d messages %d have come", name, n, last.Last[name])
		}
	}
	if len(last.Wrong) > 0 {
		t.Error(last.Wrong)
	}
	if n := sup.Restarts(); n != 0 {
		t.Errorf("%d restarts", n)
	}
	if n := len(r.kinds(supervisor.EventReplaced)); n != rounds {
		t.Errorf("%d replacements were reported", n)
	}
	if n := sup.DeadLetters(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	t.Logf("%d replacements, %d messages", rounds, total)
}

func sorted(s []int) []int { slices.Sort(s); return s }

// TestReplaceFails: whatever goes wrong before the old process has handed over,
// it goes on, with its state, and the error says why.
func TestReplaceFails(t *testing.T) { everywhere(t, testReplaceFails) }

func testReplaceFails(t *testing.T, at place) {
	var start *supervisor.StartError
	var types *supervisor.IncompatibleError
	for how, tt := range map[string]struct {
		step string
		is   func(error) bool
	}{
		"setup fails": {"start", func(err error) bool { return errors.As(err, &start) && start.Text == "the port is taken" }},
		"setup hangs": {"start", func(err error) bool {
			return errors.Is(err, os.ErrDeadlineExceeded) && strings.Contains(err.Error(), "the Setup of the new process did not return within")
		}},
		"setup is ignored": {"start", func(err error) bool { return errors.Is(err, supervisor.ErrIgnored) }},
		"give fails":       {"hand over", func(err error) bool { return strings.HasSuffix(err.Error(), "not now") }},
		"take fails":       {"take over", func(err error) bool { return strings.HasSuffix(err.Error(), "no room for it") }},
		"take dies":        {"hand over", func(err error) bool { return errors.As(err, &start) && start.Exit.Signal == syscall.SIGKILL }},
		"take hangs": {"hand over", func(err error) bool {
			return errors.Is(err, os.ErrDeadlineExceeded) && strings.Contains(err.Error(), "or the new one did not take it, within")
		}},
		"handles less": {"start", func(err error) bool {
			return errors.As(err, &types) && !types.State && strings.HasSuffix(types.Type, ".Item") && types.Old != 0 && types.New == 0
		}},
		"takes none": {"take over", func(err error) bool {
			return errors.As(err, &types) && types.State && strings.HasSuffix(types.Type, ".book") && types.Old != 0 && types.New == 0
		}},
	} {
		t.Run(how, func(t *testing.T) {
			testutil.Audit(t)
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: supervisor.NoRestarts})
			_, ref := at(t, ctx, sup, supervisor.Spec{Intensity: supervisor.NoRestarts}, supervisor.Child{Env: []string{"TALLY=" + how}})
			if err := actor.Tell(ctx, ref, Item{From: "t", Seq: 1}); err != nil {
				t.Fatal(err)
			}
			before := read(t, ctx, ref)
			limit := supervisor.Infinity
			if strings.Contains(how, "hangs") {
				limit = 150 * time.Millisecond
			}
			rounds := 2 // it can be tried again
			if strings.Contains(how, "hangs") {
				rounds = 1
			}
			for range rounds {
				err := sup.Replace(ctx, ref.ID, supervisor.Replacement{Timeout: limit})
				var re *supervisor.ReplaceError
				for how == "take hangs" && errors.As(err, &re) && re.Step == "start" { // it did not come so far in that time
					limit, rounds = 2*limit, rounds+1
					err = sup.Replace(ctx, ref.ID, supervisor.Replacement{Timeout: limit})
				}
				if !errors.As(err, &re) || re.Step != tt.step || !strings.HasSuffix(re.Child, "tally") || !tt.is(err) {
					t.Fatalf("%v, %+v", err, re)
				}
				if now := read(t, ctx, ref); now.PID != before.PID || now.Last["t"] != 1 {
					t.Fatalf("%+v", now)
				}
			}
			if n := len(r.kinds(supervisor.EventAbandoned)); n != rounds {
				t.Error(r.all())
			}
			for _, e := range r.all() {
				if slices.Contains([]supervisor.EventKind{supervisor.EventReplacing, supervisor.EventAbandoned, supervisor.EventExited}, e.Kind) &&
					(e.ID != ref.ID || !strings.HasSuffix(e.Child, "tally") || e.Incarnation < 2 || e.PID == 0 || e.PID == before.PID) {
					t.Errorf("%+v", e)
				}
			}
			sup.Shutdown()
		})
	}
}
