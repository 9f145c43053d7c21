package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport"
)

// Sink is an actor that reads streams; Source one that sends them to it.
type (
	Sink   struct{}
	Source struct{}

	Last struct { // of the streams that a sink has finished
		actor.Asks[Sink, LastStream]
	}
	LastStream struct {
		Name, Error string
		Bytes       int64
		Sum         uint32
		Rounds      int
		Memory      string // high-water mark of resident memory
	}

	Pump struct { // streams to a sink, and dies at half of it
		actor.Tells[Source]
		To    actor.Ref[Sink]
		Total int64
		Name  string
		Await bool // die when the sink has finished with it
	}
)

var sink = actor.Define("sink", func(s *actor.Setup[Sink]) error {
	finished := make(chan LastStream, 10)
	rounds := 0
	policy := actor.StreamPolicy{MaxBytes: 1 << 28, Streams: 2, Progress: func(*actor.StreamReader, int64, int64) { rounds++ }}
	actor.OnStream(s, policy, func(r *actor.StreamReader) (err error) {
		sum := crc32.NewIEEE()
		l := LastStream{Name: r.Name()}
		var src io.Reader = r
		switch r.Name() {
		case "half":
			src = io.LimitReader(r, r.Total()/2)
		case "die":
			_, _ = io.CopyN(sum, r, 3<<20)
			os.Exit(7)
		case "wait":
			<-make(chan int)
		}
		l.Bytes, err = io.Copy(sum, src)
		l.Sum, l.Rounds, l.Memory = sum.Sum32(), rounds, memoryOf()
		var e *actor.StreamError
		if errors.As(err, &e) {
			l.Error = fmt.Sprintf("%d of %d, killed by %d: %s", e.Done, e.Total, e.Exit.Signal, e.Reason)
		}
		finished <- l
		if r.Name() == "half" {
			return errors.New("half is enough")
		}
		return err
	})
	actor.OnAsk(s, func(c *actor.Context, m Last) (LastStream, error) {
		select { // without waiting: a stream goes on only while the actor handles messages
		case l := <-finished:
			return l, nil
		default:
			return LastStream{Rounds: -1}, nil
		}
	})
	return nil
})

var source = actor.Define("source", func(s *actor.Setup[Source]) error {
	actor.OnTell(s, func(c *actor.Context, m Pump) error {
		w, err := actor.NewStream(c, m.To, m.Name, m.Total, nil)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(w, pattern{}, m.Total/2); err != nil {
			return err
		}
		if m.Await {
			if _, err := lastOf(c, m.To); err != nil {
				return err
			}
		}
		p, _ := os.FindProcess(os.Getpid())
		return p.Kill()
	})
	return nil
})

// pattern is an endless reader.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

func memoryOf() string {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func startSink(t testing.TB, box mailbox.Config) (context.Context, *supervisor.Supervisor, actor.Ref[Sink]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	sup, err := supervisor.New(ctx, supervisor.Spec{Intensity: 1000, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Shutdown)
	ctx = sup.Context(ctx)
	ref, err := supervisor.StartChild(ctx, sup, sink, supervisor.Child{Mailbox: box, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return ctx, sup, ref
}

// lastOf asks until a stream is finished.
func lastOf(ctx context.Context, ref actor.Ref[Sink]) (LastStream, error) {
	for {
		l, err := actor.Ask(ctx, ref, Last{})
		if err != nil || l.Rounds >= 0 {
			return l, err
		}
	}
}

// TestStream: more bytes than the pool has arrive whole, in rounds that both
// sides see, written and read in two ways.
func TestStream(t *testing.T) {
	ctx, _, ref := startSink(t, mailbox.Config{PoolBytes: 1 << 20})
	data := make([]byte, 5<<20+123)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	for _, n := range []int{0, 1, 256 << 10, 256<<10 + 1, len(data)} {
		for _, way := range []string{"Write", "ReadFrom"} {
			var rounds []int64
			w, err := actor.NewStream(ctx, ref, way, int64(n), func(done, total int64) {
				if total != int64(n) {
					t.Errorf("total %d", total)
				}
				rounds = append(rounds, done)
			})
			if err != nil {
				t.Fatal(err)
			}
			if way == "Write" {
				for rest := data[:n]; len(rest) > 0 && err == nil; { // in parts that fit nothing
					k := min(len(rest), 99_999)
					_, err = w.Write(rest[:k])
					rest = rest[k:]
				}
			} else {
				_, err = w.ReadFrom(bytes.NewReader(data))
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte{1}); err == nil {
				t.Error("a byte beyond the total was taken")
			} else if n < len(data) && strings.Contains(err.Error(), "ended") {
				t.Error(err)
			}
			for range 2 { // the second time says the same
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			l, err := lastOf(ctx, ref)
			if err != nil || l.Name != way || l.Bytes != int64(n) || l.Error != "" || l.Sum != crc32.ChecksumIEEE(data[:n]) {
				t.Fatalf("%d bytes by %s: %+v, %v", n, way, l, err)
			}
			if want := (n + 256<<10 - 1) / (256 << 10); len(rounds) != want || n > 0 && rounds[want-1] != int64(n) {
				t.Errorf("%d bytes: rounds %v", n, rounds)
			}
		}
	}
}

// TestStreamRefused: the policy of the receiver is asked before anything is
// sent.
func TestStreamRefused(t *testing.T) {
	ctx, _, ref := startSink(t, mailbox.Config{})
	for _, total := range []int64{1<<28 + 1, -1} {
		_, err := actor.NewStream(ctx, ref, "large", total, nil)
		var size *transport.SizeError
		if !errors.As(err, &size) || size.Limit != 1<<28 || strings.Contains(size.Remedy, "send less") == (total < 0) {
			t.Errorf("%d bytes: %v", total, err)
		}
	}
	for range 2 {
		if _, err := actor.NewStream(ctx, ref, "wait", 100, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := actor.NewStream(ctx, ref, "third", 100, nil); !errors.Is(err, actor.ErrFull) {
		t.Errorf("a third stream: %v", err)
	}
}

// TestStreamSenderDies: a death in the middle is a typed error, after every
// byte that came.
func TestStreamSenderDies(t *testing.T) {
	ctx, sup, ref := startSink(t, mailbox.Config{PoolBytes: 1 << 20})
	src, err := supervisor.StartChild(ctx, sup, source, supervisor.Child{Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	const total = 4 << 20
	for range 3 {
		if err := actor.Tell(ctx, src, Pump{Name: "pump", To: ref, Total: total}); err != nil {
			t.Fatal(err)
		}
		l, err := lastOf(ctx, ref)
		want := fmt.Sprintf("%d of %d, killed by 9: the sender has ended", total/2, total)
		if err != nil || l.Error != want || l.Bytes != total/2 {
			t.Fatalf("%+v, %v", l, err)
		}
	}
}

// TestStreamReceiverDies: the sender learns of it, and its buffers come back.
func TestStreamReceiverDies(t *testing.T) {
	ctx, _, ref := startSink(t, mailbox.Config{PoolBytes: 1 << 20})
	for range 3 {
		w, err := actor.NewStream(ctx, ref, "die", 1<<27, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyN(w, pattern{}, 1<<27)
		var ended *actor.StreamError
		if !errors.As(err, &ended) || ended.Exit.Code != 7 || ended.Done < 3<<20 {
			t.Fatal(err)
		}
		if err := w.Close(); !errors.As(err, &ended) {
			t.Error(err)
		}
	}
	w, err := actor.NewStream(ctx, ref, "next", 2<<20, nil)
	if err == nil {
		_, err = w.ReadFrom(pattern{})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStreamReceiverDiesAtTheEnd: it has read all bytes, and dies before it has said
// so, or what it says of them: the sender's Close tells of that.
func TestStreamReceiverDiesAtTheEnd(t *testing.T) {
	ctx, _, ref := startSink(t, mailbox.Config{PoolBytes: 1 << 20})
	for range testutil.Rounds(5, 200) {
		w, err := actor.NewStream(ctx, ref, "die", 3<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, pattern{}, 3<<20); err != nil {
			t.Fatal(err)
		}
		if ended := new(actor.StreamError); !errors.As(w.Close(), &ended) || ended.Exit.Code != 7 || ended.Done != 3<<20 {
			t.Errorf("%+v, %v", ended, w.Close())
		}
	}
}

// TestStreamToOneThatRestarts: a stream to an actor that is just being restarted is taken
// by the next process. The end of the one before is not the stream's, and that of the
// next one is.
func TestStreamToOneThatRestarts(t *testing.T) {
	ctx, sup, _ := start(t, supervisor.Spec{Period: time.Hour}, supervisor.Child{})
	ref, err := supervisor.StartChild(ctx, sup, sink, supervisor.Child{
		Stderr: io.Discard, Mailbox: mailbox.Config{PoolBytes: 1 << 20}, Backoff: supervisor.Backoff{Min: 50 * time.Millisecond, Factor: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range testutil.Rounds(3, 50) {
		down, _, err := actor.Monitor(ctx, ref)
		if err == nil {
			err = sup.Kill(ref.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		<-down // and there is no other process for a while
		w, err := actor.NewStream(ctx, ref, "die", 1<<27, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyN(w, pattern{}, 1<<27)
		if ended := new(actor.StreamError); !errors.As(err, &ended) || ended.Exit.Code != 7 || ended.Done < 3<<20 {
			t.Errorf("%+v, %v", ended, err)
		}
		if ended := new(actor.StreamError); !errors.As(w.Close(), &ended) {
			t.Error(w.Close())
		}
		if _, err := actor.Ask(ctx, ref, Last{}); err != nil { // it runs again
			t.Fatal(err)
		}
	}
}

// TestStreamGivenUp: either side may stop early, and the other is told.
func TestStreamGivenUp(t *testing.T) {
	ctx, _, ref := startSink(t, mailbox.Config{PoolBytes: 1 << 20})
	w, err := actor.NewStream(ctx, ref, "short", 2<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, pattern{}, 1<<20+5); err != nil {
		t.Fatal(err)
	}
	var ended *actor.StreamError
	var remote *actor.RemoteError
	if err := w.Close(); !errors.As(err, &remote) || !strings.Contains(err.Error(), "closed it") {
		t.Errorf("a short stream: %v", err)
	}
	if l, err := lastOf(ctx, ref); err != nil || l.Bytes != 1<<20 || !strings.Contains(l.Error, "1048576 of 2097152") {
		t.Errorf("%+v, %v", l, err)
	}
	if w, err = actor.NewStream(ctx, ref, "half", 4<<20, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, pattern{}, 4<<20); err != nil { // the rest is dropped
		t.Fatal(err)
	}
	if err := w.Close(); !errors.As(err, &remote) || err.Error() != "half is enough" || errors.As(err, &ended) {
		t.Errorf("the reader's error: %v", err)
	}
}

// TestStreamContextEnds: a sender that may not wait any longer gives the stream
// up; the receiver learns of it, and has room for the next.
func TestStreamContextEnds(t *testing.T) {
	ctx, _, ref := startSink(t, mailbox.Config{PoolBytes: 1 << 20})
	for range 4 { // more than the policy allows at a time
		inner, cancel := context.WithCancel(ctx)
		var w *actor.StreamWriter
		err := actor.ErrFull
		for errors.Is(err, actor.ErrFull) && ctx.Err() == nil { // the place is free a moment later
			w, err = actor.NewStream(inner, ref, "left", 2<<20, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, pattern{}, 1<<20); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := w.Close(); !errors.Is(err, context.Canceled) {
			t.Errorf("Close: %v", err)
		}
		if l, err := lastOf(ctx, ref); err != nil || l.Bytes != 1<<20 || !strings.Contains(l.Error, "1048576 of 2097152") {
			t.Fatalf("%+v, %v", l, err)
		}
	}
}

// BenchmarkStream is 256 MiB through an 8 MiB pool, filled and read in place,
// beside 1 MiB asked with a copy.
func BenchmarkStream(b *testing.B) {
	ctx, _, ref := startSink(b, mailbox.Config{PoolBytes: 8 << 20})
	const total = 1 << 28
	chunk := make([]byte, 1<<20)
	b.SetBytes(total)
	var l LastStream
	for b.Loop() {
		w, err := actor.NewStream(ctx, ref, "bench", total, nil)
		if err != nil {
			b.Fatal(err)
		}
		for range total / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		if l, err = lastOf(ctx, ref); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("resident at most: receiver %s, sender %s", l.Memory, memoryOf())
}

// TestStreamMemory: what a stream needs is bounded by the pool, and not by its
// length.
func TestStreamMemory(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	if testutil.RaceEnabled {
		t.Skip("the race detector takes memory for every byte that is looked at")
	}
	const total, slack = 64 << 20, 16 << 20
	ctx, _, ref := startSink(t, mailbox.Config{PoolBytes: 8 << 20})
	var last int
	for _, n := range []int64{1, total} {
		w, err := actor.NewStream(ctx, ref, "memory", n, nil)
		if err == nil {
			_, err = w.ReadFrom(pattern{})
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		l, err := lastOf(ctx, ref)
		var kB int
		if _, serr := fmt.Sscanf(l.Memory, "%d kB", &kB); err != nil || serr != nil {
			t.Fatal(err, l.Memory)
		}
		if n == total && kB-last > (8<<20+slack)/1024 {
			t.Errorf("the receiver's memory grew by %d kB", kB-last)
		}
		last = kB
	}
}

// TestStreamLeftOpen: a stream that the actor has finished with, and whose sender
// dies before it closes it, takes no place for ever.
func TestStreamLeftOpen(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, sup, ref := startSink(t, mailbox.Config{})
	for i := range 3 { // of 2 at a time
		src, err := supervisor.StartChild(ctx, sup, source, supervisor.Child{Name: fmt.Sprint("source", i), Restart: supervisor.Temporary, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		down, _, err := actor.Monitor(ctx, src)
		if err != nil {
			t.Fatal(err)
		}
		if err := actor.Tell(ctx, src, Pump{To: ref, Total: 2 << 20, Name: "half", Await: true}); err != nil {
			t.Fatal(err)
		}
		if d := <-down; d.Exit.Signal == 0 {
			t.Fatalf("%+v", d.Exit)
		}
	}
	for {
		w, err := actor.NewStream(ctx, ref, "last", 1, nil)
		if errors.Is(err, actor.ErrFull) && ctx.Err() == nil {
			continue // the notices of their ends are on the way
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
}
