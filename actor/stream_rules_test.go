package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// Spool is an actor that reads streams as their names say; Rogue one that disturbs those
// of others.
type (
	Spool struct{}
	Rogue struct{}

	Proceed struct { // lets functions of streams that wait go on
		actor.Tells[Spool]
		N int
	}
	Spooled struct { // how a stream has ended, if one has
		actor.Asks[Spool, SpoolEnd]
	}
	SpoolEnd struct {
		Name, Error string
		Bytes       int64
		Goroutines  int // of the process
		PID         int
	}

	Disturb struct { // what only the sender of a stream may do; nothing if To is zero
		actor.Asks[Rogue, Disturbed]
		To          actor.Ref[Spool]
		Stream, Key uint64
	}
	Disturbed struct{ PID int }
	Abandon   struct { // dies with a stream open
		actor.Tells[Rogue]
		To   actor.Ref[Spool]
		Name string
	}
)

// spools is a Spool with that policy.
func spools(policy actor.StreamPolicy) func(s *actor.Setup[Spool]) error {
	return func(s *actor.Setup[Spool]) error {
		proceed, ended := make(chan int, 100), make(chan SpoolEnd, 100)
		actor.OnStream(s, policy, func(r *actor.StreamReader) (err error) {
			e := SpoolEnd{Name: r.Name()}
			switch r.Name() {
			case "idle":
				<-proceed
				return nil
			case "byte":
				_, err := r.Read(make([]byte, 1))
				<-proceed
				return err
			}
			if e.Bytes, err = io.Copy(io.Discard, r); err != nil {
				e.Error = err.Error()
			}
			ended <- e
			switch r.Name() {
			case "hold":
				<-proceed
			case "shrug":
				return nil
			}
			return err
		})
		actor.OnTell(s, func(_ *actor.Context, m Proceed) error {
			for range m.N {
				proceed <- 1
			}
			return nil
		})
		actor.OnAsk(s, func(*actor.Context, Spooled) (e SpoolEnd, err error) {
			select {
			case e = <-ended:
			default:
			}
			e.Goroutines, e.PID = runtime.NumGoroutine(), os.Getpid()
			return e, nil
		})
		return nil
	}
}

var (
	spool    = actor.Define("spool", spools(actor.StreamPolicy{Streams: 2}))
	anySpool = actor.Define("any spool", spools(actor.StreamPolicy{}))
	noSpool  = actor.Define("no spool", func(s *actor.Setup[Spool]) error {
		actor.OnStream(s, actor.StreamPolicy{}, nil)
		return nil
	})
	rogue = actor.Define("rogue", func(s *actor.Setup[Rogue]) error {
		actor.OnAsk(s, func(c *actor.Context, m Disturb) (Disturbed, error) {
			if m.To.ID == 0 {
				return Disturbed{os.Getpid()}, nil
			}
			b, err := actor.Lend(c, m.To, 10)
			if err == nil {
				err = actor.TellBlock(c, m.To, m.Stream, 0, b)
			}
			if err == nil {
				err = actor.LeaveStream(c, m.To, m.Key)
			}
			return Disturbed{os.Getpid()}, err
		})
		actor.OnTell(s, func(c *actor.Context, m Abandon) error {
			if _, err := actor.NewStream(c, m.To, m.Name, 10, nil); err != nil {
				return err
			}
			p, _ := os.FindProcess(os.Getpid())
			return p.Kill()
		})
		return nil
	})
)

// startSpool starts a Spool, with a pool of four blocks of a stream.
func startSpool(t *testing.T, child supervisor.Child) (context.Context, *supervisor.Supervisor, actor.Ref[Spool]) {
	t.Helper()
	ctx, sup, _ := start(t, supervisor.Spec{Intensity: 1000}, supervisor.Child{})
	if child.Mailbox.PoolBytes == 0 {
		child.Mailbox.PoolBytes = 1 << 20
	}
	child.Stderr = io.Discard
	ref, err := supervisor.StartChild(ctx, sup, spool, child)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
	t.Cleanup(cancel)
	return ctx, sup, ref
}

func mustStream(t *testing.T, ctx context.Context, ref actor.Ref[Spool], name string, total int64) *actor.StreamWriter {
	t.Helper()
	w, err := actor.NewStream(ctx, ref, name, total, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// spooled waits until a function has said how its stream ended.
func spooled(t *testing.T, ctx context.Context, ref actor.Ref[Spool]) SpoolEnd {
	t.Helper()
	for {
		e, err := actor.Ask(ctx, ref, Spooled{})
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != "" {
			return e
		}
	}
}

// TestStreamWrongBlock: a block that is not the next one, is empty, or has more than the
// total ends the stream with an error that says so.
func TestStreamWrongBlock(t *testing.T) {
	ctx, _, ref := startSpool(t, supervisor.Child{})
	for _, c := range []struct{ offset, size int }{{5, 10}, {0, 0}, {0, 101}} {
		w := mustStream(t, ctx, ref, "all", 100)
		var b actor.Buffer
		var err error
		if c.size > 0 {
			b, err = w.LendBlock(c.size)
		}
		if err == nil {
			err = w.TellBlock(int64(c.offset), b)
		}
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("block of %d bytes at %d", c.size, c.offset)
		if e := spooled(t, ctx, ref); e.Bytes > 0 || !strings.Contains(e.Error, what) {
			t.Errorf("%s: %+v", what, e)
		}
		if err := w.Close(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: Close: %v", what, err)
		}
	}
}

// TestStreamEndedTooEarly: an end before the total is one for the function too, whatever
// the sender says of it.
func TestStreamEndedTooEarly(t *testing.T) {
	ctx, _, ref := startSpool(t, supervisor.Child{})
	w := mustStream(t, ctx, ref, "all", 100)
	const why = "its sender ended it too early"
	if err := w.End(""); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("the end: %v", err)
	}
	if e := spooled(t, ctx, ref); !strings.Contains(e.Error, why) {
		t.Errorf("%+v", e)
	}
	_ = w.Close()
	w = mustStream(t, ctx, ref, "shrug", 2<<20) // its function takes a short stream for whole
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if short := new(actor.StreamError); !errors.As(w.Close(), &short) || short.Done != 1<<20 || short.Total != 2<<20 {
		t.Errorf("Close of a short one: %v", w.Close())
	}
}

// TestStreamOfAnotherSender: a process cannot add to another's stream, or give it up, and
// neither can another stream of the same process.
func TestStreamOfAnotherSender(t *testing.T) {
	ctx, sup, ref := startSpool(t, supervisor.Child{})
	other, err := supervisor.StartChild(ctx, sup, rogue, supervisor.Child{Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	actor.StreamKeys.Store(0)
	w := mustStream(t, ctx, ref, "all", 10)
	if _, err := actor.Ask(ctx, other, Disturb{To: ref, Stream: 1<<32 | 1, Key: 1}); err != nil {
		t.Fatal(err)
	}
	inner, cancel := context.WithCancel(ctx)
	left := mustStream(t, inner, ref, "all", 1)
	cancel()
	if err := left.Close(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if e := spooled(t, ctx, ref); !strings.Contains(e.Error, "0 of 1 bytes") {
		t.Errorf("the one that was given up: %+v", e)
	}
	if _, err := w.Write(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if e := spooled(t, ctx, ref); e.Bytes != 10 || e.Error != "" {
		t.Errorf("%+v", e)
	}
}

// TestStreamOfPredecessor: what comes late for a stream to a process that has ended does
// not get into one to its successor.
func TestStreamOfPredecessor(t *testing.T) {
	ctx, sup, ref := startSpool(t, supervisor.Child{})
	before := mustStream(t, ctx, ref, "all", 10)
	if err := sup.Kill(ref.ID); err != nil {
		t.Fatal(err)
	}
	w := mustStream(t, ctx, ref, "all", 10)
	b, err := before.LendBlock(10)
	if err == nil {
		err = before.TellBlock(0, b)
	}
	if err == nil {
		_, err = w.Write(make([]byte, 10))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Error(err)
	}
	if e := spooled(t, ctx, ref); e.Bytes != 10 || e.Error != "" {
		t.Errorf("%+v", e)
	}
	if ended := new(actor.StreamError); !errors.As(before.Close(), &ended) || ended.Exit.Signal == 0 || !strings.Contains(ended.Error(), ended.Exit.Summary) {
		t.Errorf("the one before: %v", before.Close())
	}
}

// TestStreamReceiverGone: the end of an actor for good is that of its streams, also for
// a sender that only closes them.
func TestStreamReceiverGone(t *testing.T) {
	ctx, sup, ref := startSpool(t, supervisor.Child{Restart: supervisor.Temporary})
	w := mustStream(t, ctx, ref, "all", 10)
	down, _, err := actor.Monitor(ctx, ref)
	if err == nil {
		err = sup.Kill(ref.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-down
	if ended := new(actor.StreamError); !errors.As(w.Close(), &ended) || ended.Exit.Signal == 0 {
		t.Errorf("Close: %v", w.Close())
	}
}

// TestStreamTakesAPlace: a stream takes its place until its function has returned, also
// when its sender waits for it no longer.
func TestStreamTakesAPlace(t *testing.T) {
	ctx, sup, ref := startSpool(t, supervisor.Child{})
	other, err := supervisor.StartChild(ctx, sup, rogue, supervisor.Child{Stderr: io.Discard, Restart: supervisor.Permanent})
	if err != nil {
		t.Fatal(err)
	}
	for what, leave := range map[string]func(){
		"its sender does not wait for the end": func() {
			inner, cancel := context.WithCancel(ctx)
			w := mustStream(t, inner, ref, "hold", 10)
			if _, err := w.Write(make([]byte, 10)); err != nil {
				t.Error(err)
			}
			time.AfterFunc(20*time.Millisecond, cancel) // when it has probably asked for the end
			if err := w.Close(); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		},
		"its sender has given it up": func() {
			inner, cancel := context.WithCancel(ctx)
			w := mustStream(t, inner, ref, "hold", 10)
			cancel()
			if err := w.Close(); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		},
		"its sender has ended": func() {
			if err := actor.Tell(ctx, other, Abandon{To: ref, Name: "hold"}); err != nil {
				t.Error(err)
			}
		},
	} {
		for range 2 {
			leave()
			spooled(t, ctx, ref)
		}
		for range 10 {
			if w, err := actor.NewStream(ctx, ref, "hold", 10, nil); !errors.Is(err, actor.ErrFull) {
				t.Fatalf("%s, and its function runs: another one: %v, %v", what, w, err)
			}
		}
		if err := actor.Tell(ctx, ref, Proceed{N: 2}); err != nil {
			t.Fatal(err)
		}
		for free := 0; free < 2; { // the places are free a moment later
			w, err := actor.NewStream(ctx, ref, "all", 0, nil)
			if err == nil {
				err, free = w.Close(), free+1
				spooled(t, ctx, ref)
			} else if errors.Is(err, actor.ErrFull) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestStreamLeavesNothing: a function that has not read all, or nothing, leaves no blocks
// behind, and a stream that has ended no goroutines.
func TestStreamLeavesNothing(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, _, ref := startSpool(t, supervisor.Child{})
	before, err := actor.Ask(ctx, ref, Spooled{})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		for _, name := range []string{"byte", "idle"} {
			w := mustStream(t, ctx, ref, name, 1<<20)
			_, err := w.Write(make([]byte, 1<<20)) // as many as there are
			if err == nil {
				err = actor.Tell(ctx, ref, Proceed{N: 1})
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(name, err)
			}
		}
	}
	for {
		e, err := actor.Ask(ctx, ref, Spooled{})
		if err != nil {
			t.Fatalf("%d goroutines became %d: %v", before.Goroutines, e.Goroutines, err)
		}
		if e.Goroutines < before.Goroutines+6 {
			break
		}
	}
}

// TestStreamDefaults: what the zero policy allows, and that OnStream wants a function.
func TestStreamDefaults(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, anySpool, supervisor.Child{Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for range actor.DefaultStreams {
		mustStream(t, ctx, ref, "idle", actor.DefaultStreamBytes)
	}
	if _, err := actor.NewStream(ctx, ref, "idle", 1, nil); !errors.Is(err, actor.ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	var size *transport.SizeError
	if _, err := actor.NewStream(ctx, ref, "idle", actor.DefaultStreamBytes+1, nil); !errors.As(err, &size) || size.Limit != actor.DefaultStreamBytes {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := supervisor.StartChild(ctx, sup, noSpool, supervisor.Child{Stderr: io.Discard}); err == nil || !strings.Contains(err.Error(), "nil function") {
		t.Errorf("without a function: %v", err)
	}
}

// TestStreamSmallPool: four blocks fit into the pool, however small it is, unless it is
// very small.
func TestStreamSmallPool(t *testing.T) {
	for pool, block := range map[int64]int64{64 << 10: 16 << 10, 8 << 10: 4 << 10} {
		ctx, _, ref := startSpool(t, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: pool}})
		first := int64(0)
		w, err := actor.NewStream(ctx, ref, "all", 100_000, func(done, _ int64) {
			if first == 0 {
				first = done
			}
		})
		if err == nil {
			_, err = w.Write(make([]byte, 100_000))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil || first != block {
			t.Errorf("a pool of %d bytes: a block of %d, want %d; %v", pool, first, block, err)
		}
	}
}

// TestStreamFull: with the policy Fail a stream is over when all blocks are in use, and
// its function is told why.
func TestStreamFull(t *testing.T) {
	ctx, _, ref := startSpool(t, supervisor.Child{Mailbox: mailbox.Config{Full: mailbox.Fail}})
	idle := mustStream(t, ctx, ref, "idle", 1<<20)
	if _, err := idle.Write(make([]byte, 1<<20)); err != nil { // all there are
		t.Fatal(err)
	}
	w := mustStream(t, ctx, ref, "all", 10)
	if _, err := w.Write(make([]byte, 10)); !errors.Is(err, actor.ErrFull) {
		t.Errorf("a block more than there are: %v", err)
	}
	if err := actor.Tell(ctx, ref, Proceed{N: 1}); err != nil {
		t.Fatal(err)
	}
	if err := idle.Close(); err != nil { // now there are some
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 10)); !errors.Is(err, actor.ErrFull) {
		t.Errorf("it goes on after an error: %v", err)
	}
	const why = "no block of 10 bytes is free"
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("Close: %v", err)
	}
	if e := spooled(t, ctx, ref); !strings.Contains(e.Error, why) {
		t.Errorf("%+v", e)
	}
}

// TestStreamReadFrom: the end of what is read is not that of the stream, an error of it
// is the caller's, and after Close nothing can be written.
func TestStreamReadFrom(t *testing.T) {
	ctx, _, ref := startSpool(t, supervisor.Child{})
	w := mustStream(t, ctx, ref, "all", 10)
	if n, err := w.ReadFrom(bytes.NewReader(make([]byte, 4))); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	wrong := errors.New("wrong")
	if n, err := w.ReadFrom(io.MultiReader(bytes.NewReader(make([]byte, 5)), iotest.ErrReader(wrong))); n != 5 || err != wrong {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.ReadFrom(bytes.NewReader(make([]byte, 4))); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if e := spooled(t, ctx, ref); e.Bytes != 10 {
		t.Errorf("%+v", e)
	}
	short := mustStream(t, ctx, ref, "all", 10)
	_ = short.Close()
	for _, w := range []*actor.StreamWriter{w, short} {
		if _, err := w.Write([]byte{1}); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	}
}

// tapped is what the functions of a tap, an actor in place, have got.
var tapped = make(chan error, 1)

var tap = actor.Define("tap", func(s *actor.Setup[Spool]) error {
	actor.OnStream(s, actor.StreamPolicy{}, func(r *actor.StreamReader) error {
		_, err := io.Copy(io.Discard, r)
		tapped <- err
		return err
	})
	return nil
})

// TestStreamToOneInPlaceThatEnds: when an actor ends, and its process does not, its
// functions learn of it too.
func TestStreamToOneInPlaceThatEnds(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, tap, supervisor.Child{InPlace: true, Restart: supervisor.Temporary})
	if err != nil {
		t.Fatal(err)
	}
	w := mustStream(t, ctx, ref, "", 10)
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-tapped:
		if ended := new(actor.StreamError); !errors.As(err, &ended) || !strings.Contains(err.Error(), "the actor has ended") {
			t.Error(err)
		}
	case <-time.After(testutil.HangGuard):
		t.Error("its function waits for ever")
	}
	if ended := new(actor.StreamError); !errors.As(w.Close(), &ended) {
		t.Errorf("Close: %v", w.Close())
	}
}
