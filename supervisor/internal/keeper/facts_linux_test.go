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

// TestManyEnds: of children that ended long ago only that is known; a lane that is
// left, for one, keeps its ends from being forgotten.
func TestManyEnds(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	var said []wire.Frame
	k.Add(0, "root", wire.Mailbox{})
	k.Begin(wire.Addr{Incarnation: 1}, "", func(f wire.Frame, _ ...*Handle) { said = append(said, f) })
	const early, late, asked, sentTo, last = 2, 3, 4, 5, maxFacts + maxEnds + 500
	for id := uint32(1); id <= last; id++ {
		k.Add(id, "child", wire.Mailbox{})
		a := wire.Addr{ID: id, Incarnation: 1}
		k.Begin(a, "", func(wire.Frame, ...*Handle) {})
		if id == early {
			k.lanes[laneKey{from: a, to: 0}] = &held{laneKey: laneKey{from: a, to: 0}}
		}
		switch id {
		case asked: // whoever was told its number may be about to open a lane
			k.Frame(wire.Addr{Incarnation: 1}, &wire.Resolve{ID: id}, nil)
		case sentTo:
			key := laneKey{from: wire.Addr{Incarnation: 1}, to: id}
			k.lanes[key] = &held{laneKey: key}
		}
		k.Died(&wire.Exit{Addr: a, Summary: "ended"}, tree.Own)
		k.Gone(id)
		k.Forgotten(id)
	}
	if n := len(k.children); n > maxFacts+maxEnds+4 {
		t.Errorf("%d children are known", n)
	}
	for id, want := range map[uint32]struct {
		state uint8
		text  string
	}{early: {wire.TargetGone, "ended"}, asked: {wire.TargetGone, "ended"}, sentTo: {wire.TargetGone, "ended"}, late: {wire.TargetGone, "it ended long ago"}, last: {wire.TargetGone, "ended"}, last + 1: {wire.TargetUnknown, ""}} {
		said = nil
		k.Frame(wire.Addr{Incarnation: 1}, &wire.Resolve{ID: id}, nil)
		if f := said[0].(*wire.Target); f.State != want.state || f.Exit.Summary != want.text {
			t.Errorf("child %d: %+v, want %+v", id, f, want)
		}
		if want.state == wire.TargetUnknown {
			continue
		}
		k.Frame(wire.Addr{Incarnation: 1}, &wire.Monitor{ID: id}, nil)
		if f := said[2].(*wire.Down); f.Exit.Summary != want.text || f.Exit.Addr.ID != id {
			t.Errorf("child %d: %+v", id, f)
		}
	}
}

// TestManyPools: of pools that ended long ago only that is known.
func TestManyPools(t *testing.T) {
	s := newStage(2)
	const first, last = 10, maxFacts + maxEnds + 500
	for id := uint32(first); id <= last; id++ {
		s.AddPool(id, "pool", wire.RouteRoundRobin)
		s.BeginPool(id)
		s.Frame(at(3, 1), &wire.Resolve{Token: 1, ID: id}, nil)
		s.Gone(id)
		s.Forgotten(id)
	}
	if n := len(s.pools); n > maxFacts+maxEnds {
		t.Errorf("%d pools are known", n)
	}
	var said []wire.Frame
	s.Begin(at(3, 2), "", func(f wire.Frame, _ ...*Handle) { said = append(said, f) })
	said = nil
	s.Frame(at(3, 2), &wire.Resolve{Token: 1, ID: first}, nil)
	if f, ok := said[0].(*wire.Target); !ok || f.State != wire.TargetGone || f.Exit.Summary != "it ended long ago" {
		t.Errorf("%+v", said[0])
	}
}
