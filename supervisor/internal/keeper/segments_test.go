package keeper

import (
	"fmt"
	"testing"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestSegmentsOfOneProcess: those of messages and those of replies count together, on all
// lanes; what a process has taken back does not, nor what others have.
func TestSegmentsOfOneProcess(t *testing.T) {
	s, files, over := newStage(2), sent{}, ""
	s.Overrun = func(who wire.Addr, err *BoundError) { over += fmt.Sprint(who.ID, " ", err.What, " ", err.Bound) }
	s.Bounds.Segments = 3
	one, other := at(2, 1), at(3, 1)
	for _, key := range []laneKey{{one, 1}, {one, 3}, {other, 1}, {other, 2}} {
		s.lane(key.from, key.to)
	}
	has := func(who, peer wire.Addr, reply uint8, blocks uint32) {
		files.says(t, s.Keeper, who, &wire.Segment{Peer: peer, ID: 1, Size: 4096, Class: 64, Blocks: blocks, Reply: reply}, 0)
	}
	for range 4 {
		for _, blocks := range []uint32{8, 0} {
			has(one, at(1, 1), 0, blocks)
			has(one, other, 0, blocks)
			has(one, other, 1, blocks) // of replies to what it is sent
			has(other, at(1, 1), 0, blocks)
			has(other, one, 0, blocks)
			has(other, one, 1, blocks)
		}
	}
	if over != "" {
		t.Fatalf("with three each: %s", over)
	}
	has(one, at(1, 1), 0, 8)
	has(one, other, 0, 8)
	has(one, other, 1, 8)
	has(other, one, 0, 8)
	has(other, one, 1, 8)
	has(other, one, 0, 0)
	has(other, one, 0, 8)
	if over != "" {
		t.Fatalf("with three and two: %s", over)
	}
	files.says(t, s.Keeper, one, &wire.Segment{Peer: other, ID: 2, Size: 4096, Class: 64, Blocks: 8}, 0)
	if over != "2 segments 3" {
		t.Errorf("with four: %q", over)
	}
	if s.Close(); files.open() != 0 {
		t.Errorf("%d descriptors are open at the end", files.open())
	}
}

// TestRepliesOfOneBefore: what a process takes back is its own: the reply of its dead
// predecessor, whose segment had the same number, may be unread.
func TestRepliesOfOneBefore(t *testing.T) {
	s := newStage(2)
	l := s.lane(at(2, 1), 3)
	s.dies(at(3, 1))
	s.Begin(at(3, 2), "", s.hears(at(3, 2)))
	l.answering = map[uint16]struct{}{1: {}, 2: {}}
	var closed [4]int
	for i := range closed {
		l.replies = append(l.replies, kept{wire.Segment{Peer: at(3, uint32(1+i/2)), ID: uint16(1 + i%2)}, NewHandle(closer{&closed[i]})})
	}
	s.Frame(at(3, 2), &wire.Segment{Peer: at(2, 1), ID: 1, Reply: 1}, nil)
	if want := [4]int{2: 1}; closed != want || len(l.replies) != 3 {
		t.Errorf("%v are closed, want %v; %d are kept", closed, want, len(l.replies))
	}
}

// TestSegmentsOnALane: those of messages, those of replies and those that several
// receivers share have a bound each, which those of the other kinds do not use up.
func TestSegmentsOnALane(t *testing.T) {
	for _, kind := range []struct {
		what  string
		first uint16
		reply uint8
		bound int
	}{
		{"messages", 1, 0, 2}, {"replies", 1, 1, 2}, {"what is shared", segment.SharedIDs, 0, 2 * segment.MaxSharing},
	} {
		s, files, over := newStage(2), sent{}, 0
		s.Overrun = func(wire.Addr, *BoundError) { over++ }
		s.Bounds.OnLane = 2
		one, other := at(2, 1), at(3, 1)
		s.lane(one, 3)
		s.lane(other, 2)
		has := func(who wire.Addr, id uint16, reply uint8) {
			peer := one
			if who == one {
				peer = other
			}
			files.says(t, s.Keeper, who, &wire.Segment{Peer: peer, ID: id, Size: 4096, Class: 64, Blocks: 8, Reply: reply}, 0)
		}
		for id := range uint16(2) {
			has(one, 1+id, 0)
			has(one, 1+id, 1)
		}
		for id := range uint16(2 * segment.MaxSharing) {
			has(one, segment.SharedIDs+id, 0)
		}
		if over != 0 {
			t.Fatalf("%s: as many as there may be are too many", kind.what)
		}
		if has(one, kind.first+uint16(kind.bound), kind.reply); over != 1 {
			t.Errorf("%s: one too many is allowed", kind.what)
		}
		s.Close()
	}
}
