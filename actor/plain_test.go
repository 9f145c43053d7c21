package actor_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// Hoarder is an actor that is told large plain payloads, and keeps some.
type (
	Hoarder struct{}
	Load    struct {
		actor.Tells[Hoarder]
		Seq   uint64
		Data  []byte
		Rates []float64
		Text  string
	}
	Hoard   struct{ actor.Asks[Hoarder, Hoarded] } // what is kept is looked at
	Hoarded struct {
		Kept, Collections int
		Wrong             string
	}
)

const (
	hoardedOf = 16        // one payload in so many is kept
	loadBytes = 256 << 10 // of the three fields together
	loadPage  = 4096
)

var hoarder = actor.Define("hoarder", func(s *actor.Setup[Hoarder]) error {
	var kept []Load
	next := uint64(0)
	actor.OnTell(s, func(c *actor.Context, m Load) error {
		if wrong := m.wrong(next); wrong != "" {
			panic(wrong)
		}
		if next%hoardedOf == 0 {
			kept = append(kept, m)
		}
		next++
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, m Hoard) (h Hoarded, err error) {
		for i, l := range kept {
			if wrong := l.wrong(uint64(i) * hoardedOf); wrong != "" {
				h.Wrong = wrong
			}
		}
		h.Kept = len(kept)
		var st runtime.MemStats
		runtime.ReadMemStats(&st)
		h.Collections = int(st.NumGC)
		return h, nil
	})
	return nil
})

// fill makes l the message seq: its number stands at the start of each page.
func (l *Load) fill(seq uint64) {
	l.Seq = seq
	for at := 0; at < len(l.Data); at += loadPage {
		binary.LittleEndian.PutUint64(l.Data[at:], seq)
	}
	for at := 0; at < len(l.Rates); at += loadPage / 8 {
		l.Rates[at] = float64(seq)
	}
	l.Text = strings.Repeat(string(rune('a'+seq%26)), loadBytes/4)
}

// wrong says what of l is not of message seq, or "".
func (l *Load) wrong(seq uint64) string {
	if l.Seq != seq || len(l.Data) != loadBytes/2 || len(l.Rates) != loadBytes/4/8 || len(l.Text) != loadBytes/4 {
		return fmt.Sprintf("message %d came where %d was expected, or its parts have %d, %d and %d elements", l.Seq, seq, len(l.Data), len(l.Rates), len(l.Text))
	}
	for at := 0; at < len(l.Data); at += loadPage {
		if n := binary.LittleEndian.Uint64(l.Data[at:]); n != seq {
			return fmt.Sprintf("message %d has %d at byte %d", seq, n, at)
		}
	}
	for at := 0; at < len(l.Rates); at += loadPage / 8 {
		if l.Rates[at] != float64(seq) {
			return fmt.Sprintf("message %d has %v at number %d", seq, l.Rates[at], at)
		}
	}
	for at := 0; at < len(l.Text); at += loadPage {
		if l.Text[at] != byte('a'+seq%26) {
			return fmt.Sprintf("message %d has %q at byte %d of its text", seq, l.Text[at], at)
		}
	}
	return ""
}

// TestPlainLarge: what a handler keeps of large plain payloads is its own while
// later ones come, and the receiver does not collect its small heap after every
// few of them.
func TestPlainLarge(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	ctx, sup, _ := start(t, supervisor.Spec{}, supervisor.Child{})
	// Its collections are counted, so they must be as often as usual.
	ref, err := supervisor.StartChild(ctx, sup, hoarder, supervisor.Child{Env: []string{"GOGC=100"}})
	if err != nil {
		t.Fatal(err)
	}
	sent := uint64(0)
	tell := func(bytes int) Hoarded {
		l := Load{Data: make([]byte, loadBytes/2), Rates: make([]float64, loadBytes/4/8)}
		for range bytes / loadBytes {
			l.fill(sent)
			if err := actor.Tell(ctx, ref, l); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		h, err := actor.Ask(ctx, ref, Hoard{})
		if err != nil || h.Wrong != "" || h.Kept != int(sent+hoardedOf-1)/hoardedOf {
			t.Fatalf("%+v, %v after %d messages", h, err, sent)
		}
		return h
	}
	begun := time.Now()
	first := tell(48 << 20) // of which 32 make it hold its reserve
	last := tell(64 << 20)
	// One for each 32 MiB and what the heap has besides, and one that the
	// runtime makes every two minutes. Without the reserve there are ten.
	if n := last.Collections - first.Collections; n > 5 && time.Since(begun) < time.Minute {
		t.Errorf("%d collections for 64 MiB", n)
	}
	t.Logf("%d collections for 48 MiB, then %d for 64 MiB", first.Collections, last.Collections-first.Collections)
}
