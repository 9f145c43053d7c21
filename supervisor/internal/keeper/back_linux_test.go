package keeper

import (
	"log/slog"
	"os"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestPartsOfAnEndedLane: what a sender says of its lane to a child that had ended for
// good, and is back, is of that lane, and of none that the child will read. It has the
// same number as the next lane's segment may have.
func TestPartsOfAnEndedLane(t *testing.T) {
	k := New(slog.New(slog.DiscardHandler), func(Letter) {})
	root, first, second := wire.Addr{Incarnation: 1}, wire.Addr{ID: 1, Incarnation: 1}, wire.Addr{ID: 1, Incarnation: 2}
	acks := 0
	k.Add(0, "root", wire.Mailbox{})
	k.Begin(root, "", func(f wire.Frame, _ ...*Handle) {
		if _, ok := f.(*wire.Ack); ok {
			acks++
		}
	})
	k.Add(1, "child", wire.Mailbox{})
	k.Begin(first, "", func(wire.Frame, ...*Handle) {})
	key := laneKey{from: root, to: 1}
	k.lanes[key] = &held{laneKey: key}
	k.Died(&wire.Exit{Addr: first, Summary: "ended"}, tree.Own)
	k.Gone(1)
	k.Back(1)
	var said []wire.Frame
	k.Begin(second, "", func(f wire.Frame, hs ...*Handle) {
		said = append(said, f)
		ReleaseAll(hs)
	})
	for _, f := range []wire.Frame{
		&wire.Segment{Token: 1, Peer: wire.Addr{ID: 1}, Size: 4096, Class: 4096, Blocks: 1},
		&wire.Passage{Token: 2, Peer: wire.Addr{ID: 1}},
	} {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		k.Frame(root, f, []transport.File{file})
	}
	if len(said) != 1 || acks != 2 {
		t.Errorf("the child that is back was told %v, want Begin only; %d answers, want 2", said, acks)
	}
	k.drop(k.lanes[key])
}
