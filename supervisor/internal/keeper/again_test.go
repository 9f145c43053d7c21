package keeper

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestSaidAgain: what a process says again, of segments that nobody knows, or of others'
// mailboxes, reaches nobody: it could go on with it for ever.
func TestSaidAgain(t *testing.T) {
	from, to := at(2, 1), at(3, 1)
	page := &wire.Page{Peer: from, Size: transport.RecvPageBytes}
	seg := func(peer wire.Addr, id uint16, blocks uint32, reply uint8) *wire.Segment {
		return &wire.Segment{Token: 7, Peer: peer, ID: id, Size: 4096, Class: 4096, Blocks: blocks, Reply: reply}
	}
	corrupt := func(to uint32, reason uint8) *wire.Letter {
		return &wire.Letter{From: from, To: to, Reason: reason}
	}
	for _, tt := range []struct {
		what  string
		who   wire.Addr
		f     func() wire.Frame
		heard []wire.Kind // by the other one, of three times
		who2  wire.Addr
	}{
		{"a page", to, func() wire.Frame { return page }, []wire.Kind{wire.KindPage}, from},
		{"a segment", from, func() wire.Frame { return seg(to, 1, 1, 0) }, []wire.Kind{wire.KindSegment}, to},
		{"a segment of answers", to, func() wire.Frame { return seg(from, 1, 1, 1) }, []wire.Kind{wire.KindSegment}, from},
		{"that a segment is retired", from, func() wire.Frame { return seg(to, 9, 0, 0) }, nil, to},
		{"that one of answers is", to, func() wire.Frame { return seg(from, 9, 0, 1) }, nil, from},
		{"that a lane was closed", to, func() wire.Frame { return corrupt(3, wire.LetterCorrupt) }, []wire.Kind{wire.KindClosed}, from},
		{"that another one has closed its lane", at(4, 1), func() wire.Frame { return corrupt(3, wire.LetterCorrupt) }, nil, from},
		{"what only the supervisor finds", to, func() wire.Frame { return corrupt(3, wire.LetterQuarantined) }, nil, from},
	} {
		letters := 0
		k := New(slog.New(slog.DiscardHandler), func(Letter) { letters++ })
		k.Add(0, "root", wire.Mailbox{})
		heard := map[wire.Addr][]wire.Kind{}
		for id := uint32(2); id <= 4; id++ {
			k.Add(id, "actor", wire.Mailbox{Queue: wire.QueueRing, RingBytes: 4096})
			k.Begin(at(id, 1), "", func(f wire.Frame, files ...*Handle) {
				heard[at(id, 1)] = append(heard[at(id, 1)], f.Kind())
				ReleaseAll(files)
			})
		}
		files := sent{}
		files.says(t, k, from, &wire.Open{To: 3, Queue: wire.QueueRing, Cells: 4096, Size: 1 << 20}, 0)
		clear(heard)
		for range 3 {
			files.says(t, k, tt.who, tt.f(), 0)
		}
		if got := heard[tt.who2]; !slices.Equal(got, tt.heard) {
			t.Errorf("%s: the other one heard %v, want %v", tt.what, got, tt.heard)
		}
		if s, ok := tt.f().(*wire.Segment); ok && len(heard[tt.who]) != 3 {
			t.Errorf("%s: %v answer segment %d", tt.what, heard[tt.who], s.ID)
		}
		if l, ok := tt.f().(*wire.Letter); ok && letters != 3*len(tt.heard) {
			t.Errorf("%s: %d letters of reason %d", tt.what, letters, l.Reason)
		}
		if k.Close(); files.open() != 0 {
			t.Errorf("%s: %d descriptors are open", tt.what, files.open())
		}
	}
}

// TestOccupied: who makes too many frames wait for others is given up, once, and not
// after its end.
func TestOccupied(t *testing.T) {
	s, over := newStage(2), []wire.Addr{}
	s.Overrun = func(who wire.Addr, _ *BoundError) { over = append(over, who) }
	s.Occupied(at(1, 2), 10)
	s.Occupied(at(2, 1), 10)
	s.Occupied(at(2, 1), 10)
	s.Occupied(at(3, 2), 10)
	s.Occupied(at(9, 1), 10)
	s.dies(at(3, 1))
	s.Occupied(at(3, 1), 10)
	if want := []wire.Addr{at(1, 2), at(2, 1)}; !slices.Equal(over, want) {
		t.Errorf("given up: %v, want %v", over, want)
	}
}
