package keeper

import (
	"log/slog"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestFactsOfManyEnds: what ended children wrote is kept of the last ones that
// will not come back, and of all that may.
func TestFactsOfManyEnds(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	var said wire.Frame
	k.Add(0, "root", wire.Mailbox{})
	k.Begin(wire.Addr{Incarnation: 1}, "", func(f wire.Frame, _ ...*Handle) { said = f })
	const stays, first, last = 1, 2, maxFacts + 10
	for id := uint32(stays); id <= last; id++ {
		k.Add(id, "child", wire.Mailbox{})
		a := wire.Addr{ID: id, Incarnation: 1}
		k.Begin(a, "", func(wire.Frame, ...*Handle) {})
		k.Died(&wire.Exit{Addr: a, Summary: "ended", Stderr: "last words", Stack: "goroutine"}, tree.Own)
		k.Gone(id)
		if id != stays {
			k.Forgotten(id)
		}
	}
	for id, want := range map[uint32]string{stays: "last words", first: "", last - maxFacts: "", last - maxFacts + 1: "last words", last: "last words"} {
		k.Frame(wire.Addr{Incarnation: 1}, &wire.Resolve{ID: id}, nil)
		if f, ok := said.(*wire.Target); !ok || f.State != wire.TargetGone || f.Exit.Summary != "ended" || f.Exit.Stderr != want || (f.Exit.Stack == "") != (want == "") {
			t.Errorf("child %d: %+v, want %q", id, said, want)
		}
	}
}
