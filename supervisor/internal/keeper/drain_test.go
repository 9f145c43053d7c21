package keeper

import (
	"log/slog"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestDrainWaitsForEverybody: an actor that is about to end waits for those who
// were told where it is, since their lanes may be on the way, until each has said
// that it sends nothing more, or is dead.
func TestDrainWaitsForEverybody(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	said := map[uint32][]wire.Frame{}
	for id := uint32(1); id <= 3; id++ {
		k.Add(id, "child", wire.Mailbox{})
		k.Begin(wire.Addr{ID: id, Incarnation: 1}, "", func(f wire.Frame, _ ...*Handle) { said[id] = append(said[id], f) })
	}
	for _, id := range []uint32{2, 3} {
		k.Frame(wire.Addr{ID: id, Incarnation: 1}, &wire.Resolve{ID: 1}, nil)
		said[id] = nil
	}
	done := 0
	k.Drain(1, func() { done++ })
	for _, id := range []uint32{2, 3} {
		if len(said[id]) != 1 || said[id][0].Kind() != wire.KindLeaving {
			t.Fatalf("child %d was told %v", id, said[id])
		}
	}
	k.Frame(wire.Addr{ID: 2, Incarnation: 1}, &wire.Closed{To: 1}, nil)
	if done != 0 {
		t.Fatal("it ends while somebody may send to it")
	}
	k.Died(&wire.Exit{Addr: wire.Addr{ID: 3, Incarnation: 1}}, tree.Own)
	if k.Frame(wire.Addr{ID: 2, Incarnation: 1}, &wire.Closed{To: 1}, nil); done != 1 {
		t.Fatalf("it waits for the dead, or was told more than once: %d", done)
	}
	k.Frame(wire.Addr{ID: 2, Incarnation: 1}, &wire.Resolve{ID: 1}, nil)
	if f, ok := said[2][len(said[2])-1].(*wire.Target); !ok || f.State != wire.TargetGone {
		t.Errorf("who asks for it now is told %+v", f)
	}
}
