package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// Spectator is an actor that is sent views.
type (
	Spectator struct{}
	Digest    struct { // asks for the checksums of Data and More
		actor.Asks[Spectator, Digested]
		Data actor.View
		More []actor.View
	}
	Digested struct {
		Data  uint32
		More  []uint32
		Back  actor.View // Data, once more
		Whole []byte     // the same
		PID   int
	}
	Linger struct { // reads Data again and again until there is a file of that name
		actor.Tells[Spectator]
		Data  actor.View
		Until string
	}
	Lingered struct {
		actor.Asks[Spectator, []uint32]
	} // asks for the checksums that were found
	Scribble struct { // writes to Data
		actor.Asks[Spectator, bool]
		Data actor.View
	}
	Allocated struct{ actor.Asks[Spectator, uint64] } // asks for bytes
)

var spectator = actor.Define("spectator", func(s *actor.Setup[Spectator]) error {
	sums := map[uint32]bool{}
	actor.OnAsk(s, func(c *actor.Context, m Digest) (Digested, error) {
		d := Digested{Data: crc32.ChecksumIEEE(m.Data), Back: m.Data, Whole: m.Data, PID: os.Getpid()}
		for _, v := range m.More {
			d.More = append(d.More, crc32.ChecksumIEEE(v))
		}
		if len(m.Data) > 8<<10 {
			d.Whole = nil
		}
		return d, nil
	})
	actor.OnTell(s, func(c *actor.Context, m Linger) error {
		for there := m.Until == ""; !there; {
			sums[crc32.ChecksumIEEE(m.Data)] = true
			_, err := os.Stat(m.Until)
			there = err == nil
		}
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Lingered) (all []uint32, err error) {
		for sum := range sums {
			all = append(all, sum)
		}
		return all, nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Scribble) (bool, error) {
		m.Data[0]++
		return true, nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Allocated) (uint64, error) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc, nil
	})
	return nil
})

func startSpectator(t *testing.T, child supervisor.Child) (context.Context, actor.Ref[Spectator]) {
	t.Helper()
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	child.Name = "spectator"
	if child.Stderr == nil {
		child.Stderr = new(bytes.Buffer)
	}
	ref, err := supervisor.StartChild(ctx, sup, spectator, child)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, ref
}

// seen is n bytes that differ from those of any other seed.
func seen(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i)*7 + seed
	}
	return b
}

// Views of every size arrive whole, in a process and in place, and what comes back in
// an answer stays what it was, and may be written.
func TestViews(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for _, inPlace := range []bool{false, true} {
		t.Run(fmt.Sprintf("in place %v", inPlace), func(t *testing.T) {
			// Larger payloads have segments of their own.
			ctx, ref := startSpectator(t, supervisor.Child{InPlace: inPlace, Mailbox: mailbox.Config{PoolBytes: 4 << 20}})
			var first Digested
			for i, n := range []int{100, 0, 1, 63, 4000, 4095, 4096, 4097, 64 << 10, 1<<20 + 1, 5 << 20} {
				m := Digest{Data: seen(n, byte(i)), More: []actor.View{nil, {}, seen(n/3, 77), seen(5, 3)}}
				d, err := actor.Ask(ctx, ref, m)
				if err != nil {
					t.Fatal(n, err)
				}
				if (d.PID == os.Getpid()) != inPlace {
					t.Fatal("the spectator is in the wrong process")
				}
				for k, v := range m.More {
					if d.More[k] != crc32.ChecksumIEEE(v) {
						t.Errorf("%d bytes: view %d came as something else", n, k)
					}
				}
				if d.Data != crc32.ChecksumIEEE(m.Data) || !bytes.Equal(d.Back, m.Data) || n <= 8<<10 && !bytes.Equal(d.Whole, m.Data) {
					t.Errorf("%d bytes came as something else", n)
				}
				if i == 0 {
					first = d
				}
			}
			if want := seen(100, 0); !bytes.Equal(first.Back, want) {
				t.Error("an answer's view did not stay what it was")
			}
			first.Back[0]++ // it is this process's own
		})
	}
}

// What a handler sees stays what it is while it runs, whatever its sender sends.
func TestViewStays(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	for _, n := range []int{100, 64 << 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			box := mailbox.Config{PoolBytes: 1 << 20, RingBytes: 64 << 10, Full: mailbox.Fail}
			ctx, ref := startSpectator(t, supervisor.Child{Mailbox: box})
			until := filepath.Join(t.TempDir(), "until")
			data := seen(n, 1)
			if err := actor.Tell(ctx, ref, Linger{Data: data, Until: until}); err != nil {
				t.Fatal(err)
			}
			want := crc32.ChecksumIEEE(data)
			sent, err := 0, error(nil)
			for ; err == nil; sent++ {
				copy(data, seen(n, byte(2+sent))) // it is the sender's again
				err = actor.Tell(ctx, ref, Linger{Data: data})
			}
			if !errors.Is(err, actor.ErrFull) || sent < 4 {
				t.Fatalf("after %d messages: %v", sent, err)
			}
			if err := os.WriteFile(until, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			var sums []uint32
			for err = actor.ErrFull; errors.Is(err, actor.ErrFull); runtime.Gosched() {
				sums, err = actor.Ask(ctx, ref, Lingered{})
			}
			if err != nil || len(sums) != 1 || sums[0] != want {
				t.Errorf("one message was seen as %x, %v; want %x", sums, err, want)
			}
		})
	}
}

// Views are not copied for the receiver.
func TestViewCopiesNothing(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, ref := startSpectator(t, supervisor.Child{})
	data := seen(1<<20, 9)
	before, err := actor.Ask(ctx, ref, Allocated{})
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 40
	for range rounds {
		if err := actor.Tell(ctx, ref, Linger{Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := actor.Ask(ctx, ref, Allocated{})
	if err != nil || after-before > rounds*uint64(len(data))/4 {
		t.Errorf("%d messages of %d bytes allocated %d bytes, %v", rounds, len(data), after-before, err)
	}
}

// Who writes to a view ends, and leaves its sender and the other messages alone.
func TestViewIsReadOnly(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	t.Run("in a ring", func(t *testing.T) {
		if form := os.Getenv("UNDERSTUDY_QUEUE"); form != "" && form != "ring" {
			t.Skip("a queue in the kernel is read into memory of the receiver's: UNDERSTUDY_QUEUE is ", form)
		}
		viewIsReadOnly(t, 100)
	})
	t.Run("in a block", func(t *testing.T) { viewIsReadOnly(t, 64<<10) })
}

func viewIsReadOnly(t *testing.T, n int) {
	var stderr bytes.Buffer
	ctx, ref := startSpectator(t, supervisor.Child{Stderr: &stderr})
	_, err := actor.Ask(ctx, ref, Scribble{Data: seen(n, 1)})
	var death *actor.DeathError
	if !errors.As(err, &death) || !strings.Contains(death.Exit.Summary, "fault: it wrote to memory that it may only read") {
		t.Error(err)
	}
	data := seen(n, 2)
	if d, err := actor.Ask(ctx, ref, Digest{Data: data}); err != nil || d.Data != crc32.ChecksumIEEE(data) {
		t.Errorf("after it: %v", err)
	}
}
