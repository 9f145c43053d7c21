package supervisor_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// Scribble makes a node write at random into all memory that it shares with others, while
// it sends them messages.
type Scribble struct {
	actor.Asks[Node, Me]
	Seed  uint64
	N     int
	Other actor.Ref[Node]
}

const noise = -1 // the number of its Marks

func scribble(c *actor.Context, m Scribble) (Me, error) {
	f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return Me{}, err
	}
	defer f.Close()
	rnd := rand.New(rand.NewPCG(m.Seed, 0))
	for i := range m.N {
		if i%16 == 0 {
			briefly, cancel := context.WithTimeout(c, time.Millisecond)
			if i%64 == 0 {
				_, _ = actor.Ask(briefly, m.Other, Who{})
			} else {
				_ = actor.Tell(briefly, m.Other, Mark{Seq: noise})
			}
			cancel()
		}
		areas, err := shared()
		if err != nil || len(areas) == 0 {
			return Me{}, errors.Join(err, errors.New("it shares no memory"))
		}
		a := areas[rnd.IntN(len(areas))]
		at := a.from + rnd.Int64N(a.to-a.from)&^7
		if rnd.IntN(2) == 0 { // where the words are
			at = a.from + rnd.Int64N(min(a.to-a.from, 1<<10))&^7
		}
		var b [8]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			continue // it was just unmapped
		}
		v := binary.LittleEndian.Uint64(b[:])
		switch rnd.IntN(5) {
		case 0:
			v = rnd.Uint64()
		case 1:
			v = []uint64{0, 1<<64 - 1, 1 << 63, 1<<32 - 1, 1 << 32}[rnd.IntN(5)]
		case 2:
			v += rnd.Uint64N(7) - 3
		case 3:
			v ^= 1 << rnd.IntN(64)
		default:
			v = v&^0xffff_ffff | rnd.Uint64N(1<<13)
		}
		binary.LittleEndian.PutUint64(b[:], v)
		_, _ = f.WriteAt(b[:], at)
	}
	return Me{PID: os.Getpid(), Incarnation: c.Incarnation()}, nil
}

type area struct{ from, to int64 }

// shared returns the memory that this process shares with others and may write.
func shared() (all []area, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(maps)) {
		span, rest, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(rest, "rw-s") {
			continue
		}
		from, to, _ := strings.Cut(span, "-")
		a, errA := strconv.ParseInt(from, 16, 64)
		b, errB := strconv.ParseInt(to, 16, 64)
		if errA == nil && errB == nil {
			all = append(all, area{a, b})
		}
	}
	return all, nil
}

// TestScribbler: a process that writes anything anywhere into the memory that it shares
// with others harms only what it says to them, and what they say to it. They go on, and so
// does what they say to each other.
func TestScribbler(t *testing.T) {
	if _, err := os.Stat("/proc/self/maps"); err != nil {
		t.Skip(err)
	}
	for _, s := range lane.Probe() {
		if s.Err != nil {
			t.Logf("%s is refused by this machine: %v", s.Form.Name, s.Err)
			continue
		}
		t.Run(s.Form.Name, func(t *testing.T) {
			for seed := range uint64(testutil.Rounds(3, 200)) {
				scribbler(t, mailbox.Config{Queue: s.Form.Name}, seed)
				if t.Failed() {
					t.Fatal("seed ", seed)
				}
			}
		})
	}
}

func scribbler(t *testing.T, box mailbox.Config, seed uint64) {
	var corrupt atomic.Int32
	ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 1 << 20, OnLetter: func(l supervisor.Letter) {
		if l.Reason == supervisor.LetterCorrupt {
			corrupt.Add(1)
		}
	}})
	defer sup.Shutdown()
	bad := startNode(t, ctx, sup, supervisor.Child{Name: "bad", Mailbox: box})
	other := startNode(t, ctx, sup, supervisor.Child{Name: "other", Mailbox: box})
	m := who(t, ctx, other)
	const marks = 300
	n := 0
	for round := range uint64(4) {
		answer := make(chan error, 1)
		briefly, cancel := context.WithTimeout(ctx, 2*time.Second)
		go func() {
			_, err := actor.Ask(briefly, bad, Scribble{Seed: seed<<8 | round, N: 2000, Other: other})
			answer <- err
		}()
		for range marks {
			if err := actor.Tell(ctx, other, Mark{Seq: n}); err != nil {
				t.Error(err)
			}
			n++
			hello, cancel := context.WithTimeout(ctx, time.Millisecond)
			_ = actor.Tell(hello, bad, Mark{}) // which may come out as anything, or not at all
			cancel()
		}
		<-answer
		cancel()
		if err := sup.Kill(bad.ID); err != nil && !errors.Is(err, supervisor.ErrNotRunning) {
			t.Fatal(err)
		}
	}
	if now := who(t, ctx, other); now != m {
		t.Errorf("it was %+v, and is %+v", m, now)
	}
	l, err := actor.Ask(ctx, other, Log{})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(l.Lines, func(s string) bool { return s == strconv.Itoa(noise) })
	// What has been scribbled over may come as a Mark with any number.
	next := 0
	for _, s := range got {
		if s == strconv.Itoa(next) {
			next++
		}
	}
	t.Logf("seed %d: %d lanes were closed", seed, corrupt.Load())
	if next != n {
		t.Errorf("of %d Marks of an honest sender, %d have come in order", n, next)
	}
	for _, e := range r.all() {
		if e.Kind == supervisor.EventExited && e.Child != "bad" {
			t.Error(fmt.Sprint(e))
		}
	}
}
