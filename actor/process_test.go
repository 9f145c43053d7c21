package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

func TestMain(m *testing.M) {
	supervisor.RunChild()
	os.Exit(m.Run())
}

// The protocol of the tests' actor.
type Worker struct{}

type (
	Add struct { // flat
		actor.Asks[Worker, Sum]
		A, B int
	}
	Sum struct{ N, PID, Incarnation int }

	Echo struct { // planned
		actor.Asks[Worker, Echoed]
		Text string
		Data []byte
	}
	Echoed struct {
		Text string
		Data []byte
	}

	Note struct { // told; kept in order
		actor.Tells[Worker]
		Seq  uint64
		Data []byte
	}
	Notes    struct{ actor.Asks[Worker, NoteList] }
	NoteList struct {
		Seqs  []uint64
		Bytes uint64
		PID   int
	}

	Do struct { // does something drastic
		actor.Asks[Worker, Sum]
		What string
	}
	Tell struct {
		actor.Tells[Worker]
		What string
	}

	Sleep struct {
		actor.Asks[Worker, Sum]
		UntilDone bool
	}
	Blur struct {
		actor.Asks[Worker, Blurred]
		N    int
		Data actor.Buffer
	}
	Blot struct {
		actor.Tells[Worker]
		Data actor.Buffer
	}
	Blurred struct {
		Sum  uint64
		Data actor.Buffer
	}
)

var worker = actor.Define("worker", func(s *actor.Setup[Worker]) error {
	if os.Getenv("WORKER_SETUP") == "fail" {
		return errors.New("no workbench")
	}
	var notes NoteList
	actor.OnAsk(s, func(c *actor.Context, m Add) (Sum, error) {
		return Sum{m.A + m.B, os.Getpid(), c.Incarnation()}, nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Echo) (Echoed, error) {
		return Echoed{m.Text, m.Data}, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Note) error {
		notes.Seqs = append(notes.Seqs, m.Seq)
		notes.Bytes += uint64(len(m.Data))
		return nil
	})
	actor.OnTell(s, func(c *actor.Context, m Blot) error {
		notes.Seqs = append(notes.Seqs, uint64(m.Data.Bytes()[0]))
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Notes) (NoteList, error) {
		notes.PID = os.Getpid()
		return notes, nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Do) (Sum, error) {
		switch m.What {
		case "environment":
			n, _ := strconv.Atoi(os.Getenv("WORKER_NUMBER"))
			return Sum{N: n}, nil
		case "skipped":
			return Sum{N: int(c.Traffic().Skipped)}, nil
		case "panic once":
			if c.Attempt() == 0 {
				panic("the first time")
			}
			return Sum{N: c.Attempt()}, nil
		case "hang until 4":
			if c.Incarnation() < 4 {
				select {}
			}
			return Sum{}, nil
		}
		return Sum{}, drastic(c, m.What)
	})
	actor.OnTell(s, func(c *actor.Context, m Tell) error { return drastic(c, m.What) })
	actor.OnAsk(s, func(c *actor.Context, m Sleep) (Sum, error) {
		if m.UntilDone {
			<-c.Done()
		} else {
			for c.Err() == nil {
				time.Sleep(time.Millisecond)
			}
		}
		return Sum{}, c.Err()
	})
	actor.OnAsk(s, func(c *actor.Context, m Blur) (r Blurred, err error) {
		for _, b := range m.Data.Bytes() {
			r.Sum += uint64(b)
		}
		if m.N > 0 {
			r.Data, err = c.Lend(m.N)
			data := r.Data.Bytes()
			for i := range data {
				data[i] = byte(i)
			}
		}
		return r, err
	})
	return nil
})

func drastic(c *actor.Context, what string) error {
	if gate, ok := strings.CutPrefix(what, "step "); ok {
		gate, _, _ = strings.Cut(gate, "\x00") // what follows makes it large
		f, err := os.Open(gate)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Read(make([]byte, 1))
		return err
	}
	switch strings.TrimSpace(what) { // spaces make it large
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(7)
	case "stop":
		c.Stop()
	case "fail":
		return errors.New("as asked")
	case "full":
		return fmt.Errorf("wrapped: %w", actor.ErrFull)
	case "hang":
		select {}
	}
	return nil
}

// blocksVar is the policy of blocks of every mailbox that chooses none.
const blocksVar = "UNDERSTUDY_TEST_BLOCKS"

// start starts a supervisor and a worker for a test.
func start(t testing.TB, spec supervisor.Spec, child supervisor.Child) (context.Context, *supervisor.Supervisor, actor.Ref[Worker]) {
	t.Helper()
	if spec.Intensity == 0 {
		spec.Intensity = 1000
	}
	if spec.Log == nil {
		spec.Log = slog.New(slog.DiscardHandler)
	}
	if child.Stderr == nil {
		child.Stderr = io.Discard
	}
	if word := os.Getenv(blocksVar); word != "" && child.Mailbox.Blocks == "" && child.Mailbox.PoolBytes == 0 {
		child.Mailbox.Blocks, child.Mailbox.PoolBytes = word, 8<<20 // an arena takes all of it, also from a small /dev/shm
	}
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard)
	t.Cleanup(cancel)
	sup, err := supervisor.New(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Shutdown)
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, worker, child)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, sup, ref
}

func TestAsk(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	for i := range testutil.Rounds(300, 10_000) {
		s, err := actor.Ask(ctx, ref, Add{A: i, B: 1})
		if err != nil || s.N != i+1 || s.PID == os.Getpid() {
			t.Fatalf("ask %d: %+v, %v", i, s, err)
		}
	}
}

func TestEchoSizes(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	for _, n := range []int{0, 1, 47, 48, 49, 63, 64, 65, 900, 1000, 1024, 4000, 4095, 4096, 4097, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1} {
		data := []byte(strings.Repeat("x", n))
		e, err := actor.Ask(ctx, ref, Echo{Text: fmt.Sprint(n), Data: data})
		if err != nil || e.Text != fmt.Sprint(n) || string(e.Data) != string(data) {
			t.Fatalf("echo of %d bytes: %d bytes, %q, %v", n, len(e.Data), e.Text, err)
		}
	}
}

// TestExplain: what Explain says of a message is how it travels, on whatever
// form of queue this runs.
func TestExplain(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	buf, err := actor.Lend(ctx, ref, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Release()
	lent, err := actor.Explain(ctx, ref, Blot{Data: buf})
	if err != nil || lent.Way != mailbox.WayLent || lent.Size != 100 {
		t.Errorf("%+v, %v", lent, err)
	}
	for _, n := range []int{0, 100, 1000, 5000, 70000} {
		m := Note{Data: make([]byte, n)}
		c, err := actor.Explain(ctx, ref, m)
		before := sup.Traffic()
		if err := errors.Join(err, actor.Tell(ctx, ref, m)); err != nil {
			t.Fatal(err)
		}
		way, after := mailbox.WayInline, sup.Traffic()
		if after.Large > before.Large {
			way = mailbox.WayBlock
		}
		if c.Way != way || c.Size < n || c.Why == "" {
			t.Errorf("%d bytes went %v, after %+v", n, way, c)
		}
	}
}

func TestTellOrderAcrossSizes(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	n := testutil.Rounds(1000, 20_000)
	total := 0
	for i := range n {
		size := []int{0, 100, 5000, 70000}[i%4]
		total += size
		if err := actor.Tell(ctx, ref, Note{Seq: uint64(i), Data: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := actor.Ask(ctx, ref, Notes{})
	if err != nil {
		t.Fatal(err)
	}
	checkSeqs(t, l.Seqs, n)
	if l.Bytes != uint64(total) {
		t.Fatalf("%d bytes, want %d", l.Bytes, total)
	}
}

func checkSeqs(t *testing.T, seqs []uint64, n int) {
	t.Helper()
	if len(seqs) != n {
		t.Fatalf("%d messages, want %d", len(seqs), n)
	}
	for i, s := range seqs {
		if s != uint64(i) {
			t.Fatalf("message %d has number %d", i, s)
		}
	}
}

func TestBuffers(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	const size = 1 << 20
	for i := range testutil.Rounds(20, 1000) {
		b, err := actor.Lend(ctx, ref, size)
		if err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		for j := range data {
			data[j] = 1
		}
		r, err := actor.Ask(ctx, ref, Blur{N: size, Data: b})
		if err != nil {
			t.Fatal(i, err)
		}
		if r.Sum != size || r.Data.Len() != size || r.Data.Bytes()[1000] != 1000%256 {
			t.Fatal("wrong", r.Sum, r.Data.Len())
		}
		r.Data.Release()
	}
}

func TestHandlerErrorAnswers(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	_, err := actor.Ask(ctx, ref, Do{What: "fail"})
	if r := new(actor.RemoteError); !errors.As(err, &r) || r.Text != "as asked" {
		t.Fatalf("%v", err)
	}
	_, err = actor.Ask(ctx, ref, Do{What: "full"})
	if !errors.Is(err, actor.ErrFull) {
		t.Fatalf("%v", err)
	}
}

// TestEnv: Child.Env goes before what the program has in its own environment.
func TestEnv(t *testing.T) {
	t.Setenv("WORKER_NUMBER", "1")
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Env: []string{"WORKER_NUMBER=2"}})
	if s, err := actor.Ask(ctx, ref, Do{What: "environment"}); err != nil || s.N != 2 {
		t.Fatal(s, err)
	}
}

func TestDeathInHandFailsTheAsk(t *testing.T) {
	var events []string
	var letters atomic.Int32
	ctx, _, ref := start(t, supervisor.Spec{OnEvent: func(e supervisor.Event) { events = append(events, e.String()) }, OnLetter: func(l supervisor.Letter) {
		if l.Reason == supervisor.LetterQuarantined {
			letters.Add(1)
		}
	}}, supervisor.Child{})
	for i := range 5 {
		_, err := actor.Ask(ctx, ref, Do{What: "panic"})
		if d := new(actor.DeathError); !errors.As(err, &d) || d.Exit.Kind != actor.ExitPanic || !strings.Contains(d.Exit.Stderr, "as asked") {
			t.Fatalf("%v", err)
		}
		s, err := actor.Ask(ctx, ref, Add{A: 1, B: 2})
		if err != nil || s.N != 3 || s.Incarnation != i+2 {
			t.Fatalf("%d: %+v, %v\n%v", i, s, err, strings.Join(events, "\n"))
		}
	}
	if letters.Load() != 5 {
		t.Fatalf("%d quarantined, want 5", letters.Load())
	}
}

func TestUnreadSurvivesKill(t *testing.T) {
	for _, form := range forms(t) {
		t.Run(form, func(t *testing.T) {
			ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{Queue: form}})
			var seq uint64
			for range testutil.Rounds(10, 100) {
				for range 100 {
					if err := actor.Tell(ctx, ref, Tell{What: "nothing"}); err != nil {
						t.Fatal(err)
					}
					seq++
				}
				if err := sup.Kill(ref.ID); err != nil {
					t.Log(err)
				}
			}
			if s, err := actor.Ask(ctx, ref, Add{A: 1}); err != nil {
				t.Fatal(s, err)
			}
			if n := sup.DeadLetters(); n != 0 {
				t.Fatalf("%d dead letters", n)
			}
		})
	}
}

func TestCancelReachesHandler(t *testing.T) {
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	for _, done := range []bool{false, true} {
		c, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		_, err := actor.Ask(c, ref, Sleep{UntilDone: done})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
		c, cancel = context.WithCancel(ctx)
		time.AfterFunc(30*time.Millisecond, cancel)
		_, err = actor.Ask(c, ref, Sleep{UntilDone: done})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if s, err := actor.Ask(ctx, ref, Add{A: 2}); err != nil || s.N != 2 {
			t.Fatal(s, err)
		}
	}
}
