package keeper

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/transport/wire"
)

// TestLaneOfAnotherKind: a lane is refused whose queue is not the one that the mailbox
// has, by its form or its size, and what came with it is closed.
func TestLaneOfAnotherKind(t *testing.T) {
	ring := wire.Mailbox{Queue: wire.QueueRing, RingBytes: 4096}
	pipe := wire.Mailbox{Queue: wire.QueuePipe, RingBytes: 4096}
	for _, tt := range []struct {
		box  wire.Mailbox
		open wire.Open
		well bool
	}{
		{ring, wire.Open{Queue: wire.QueueRing, Cells: 4096}, true},
		{ring, wire.Open{Queue: wire.QueueRing, Cells: 8192}, false},
		{ring, wire.Open{Queue: wire.QueueRing, Cells: 2048}, false},
		{ring, wire.Open{Queue: wire.QueueRing}, false},
		{ring, wire.Open{Queue: wire.QueuePipe}, false},
		{pipe, wire.Open{Queue: wire.QueuePipe}, true},
		{pipe, wire.Open{Queue: wire.QueuePipe, Cells: 4096}, false},
		{pipe, wire.Open{Queue: wire.QueueUnix}, false},
		{pipe, wire.Open{Queue: wire.QueueRing, Cells: 4096}, false},
		{wire.Mailbox{Queue: wire.QueueRing}, wire.Open{Queue: wire.QueueRing}, false}, // no ring can have such a size
		{wire.Mailbox{Queue: wire.QueueRing, RingBytes: 48}, wire.Open{Queue: wire.QueueRing, Cells: 48}, false},
	} {
		s := newStage(1)
		s.children[2].mailbox = tt.box
		tt.open.To, tt.open.Size = 2, 1<<20
		var files []*Handle
		for range wire.Files(&tt.open) {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, NewHandle(f))
		}
		s.open(at(1, 1), &tt.open, files)
		if got := len(s.lanes) == 1; got != tt.well {
			t.Errorf("%+v for %+v: %v", tt.open, tt.box, got)
		}
		if !tt.well && files[0].refs.Load() != 0 {
			t.Errorf("%+v for %+v: its descriptors stay open", tt.open, tt.box)
		}
		for _, l := range s.lanes {
			s.drop(l)
		}
	}
}
