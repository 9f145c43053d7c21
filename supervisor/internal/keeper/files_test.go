package keeper

import (
	"os"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// sent is the descriptors that came with the frames of a test.
type sent []*os.File

// says is a frame of who, with as many descriptors as it should have and more others.
func (s *sent) says(t *testing.T, k *Keeper, who wire.Addr, f wire.Frame, more int) {
	t.Helper()
	var files []transport.File
	for range wire.Files(f) + more {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		*s, files = append(*s, file), append(files, file)
	}
	k.Frame(who, f, files)
}

func (s *sent) open() (n int) {
	for _, f := range *s {
		if _, err := f.Stat(); err == nil {
			n++
		}
	}
	return n
}

// TestFilesOfFrames: of what comes with the frames of a process the keeper keeps what
// its lanes need, and for no longer than they do.
func TestFilesOfFrames(t *testing.T) {
	from, to := at(2, 1), at(3, 1)
	lane := &wire.Open{To: 3, Queue: wire.QueueRing, Cells: 4096, Size: 1 << 20}
	page := &wire.Page{Peer: from, Size: transport.RecvPageBytes}
	blocks := func(id uint16, n uint32) *wire.Segment {
		return &wire.Segment{Peer: to, ID: id, Size: 4096, Class: 64, Blocks: n}
	}
	answers := func(id uint16, n uint32) *wire.Segment {
		return &wire.Segment{Peer: from, ID: id, Size: 4096, Class: 64, Blocks: n, Reply: 1}
	}
	passage := &wire.Passage{Peer: to}
	type step struct {
		who  wire.Addr
		f    wire.Frame
		more int
	}
	open := step{from, lane, 0}
	dies, begins := func(who wire.Addr) step { return step{who, nil, 0} }, func(who wire.Addr) step { return step{who, nil, 1} }
	next, gone := at(3, 2), step{to, nil, 2}
	n := wire.Files(lane)
	for _, tt := range []struct {
		what  string
		steps []step
		want  int
	}{
		{"too many descriptors", []step{{from, lane, 1}}, 0},
		{"a frame that a process does not send", []step{{from, &wire.Lane{From: to}, 0}}, 0},
		{"a page, blocks, answers and a passage without a lane", []step{{to, page, 0}, {from, blocks(1, 8), 0}, {to, answers(1, 8), 0}, {from, passage, 0}}, 0},
		{"a lane that is opened twice", []step{open, open}, n},
		{"a second page", []step{open, {to, page, 0}, {to, page, 0}}, n + 1},
		{"blocks", []step{open, {from, blocks(1, 8), 0}, {from, blocks(2, 8), 0}}, n + 2},
		{"blocks that were taken back", []step{open, {from, blocks(1, 8), 0}, {from, blocks(2, 8), 0}, {from, blocks(1, 0), 0}}, n + 1},
		{"blocks for one who is dead", []step{open, dies(to), {from, blocks(1, 8), 0}}, n + 1},
		{"more blocks than there may be, and what comes after them", []step{open, {from, blocks(1, 8), 0}, {from, blocks(2, 8), 0}, {from, blocks(3, 8), 0}, {from, passage, 0}}, n + 2},
		{"a lane to one who is gone", []step{dies(to), gone, open}, n},
		{"the same, when it is closed", []step{dies(to), gone, open, {from, &wire.Closed{To: 3}, 0}}, 0},
		{"answers, which their descriptor keeps", []step{open, {to, answers(1, 8), 0}}, n},
		{"answers that were taken back, and others", []step{open, {to, answers(1, 8), 0}, {to, answers(2, 8), 0}, {to, answers(1, 0), 0}, {to, answers(3, 8), 0}}, n},
		{"answers of one who is dead, and its successor's", []step{open, {to, page, 0}, {to, answers(1, 8), 0}, {to, answers(2, 8), 0}, dies(to), begins(next), {next, page, 0}, {next, answers(3, 8), 0}}, n + 1},
		{"a second passage", []step{open, {from, passage, 0}, {from, passage, 0}}, n + 1},
		{"a page for a dead sender", []step{open, dies(from), {to, page, 0}}, n + 1},
		{"everything of a dead sender", []step{open, {to, page, 0}, {from, blocks(1, 8), 0}, {from, passage, 0}, dies(from)}, n + 3},
		{"the same, when it was read", []step{open, {to, page, 0}, {from, blocks(1, 8), 0}, {from, passage, 0}, dies(from), {to, &wire.Drained{From: from}, 0}}, 0},
	} {
		s, files := newStage(2), sent{}
		s.children[3].mailbox = wire.Mailbox{Queue: wire.QueueRing, RingBytes: 4096}
		s.Bounds.OnLane = 2
		over := 0
		s.Overrun = func(wire.Addr, *BoundError) { over++ }
		for _, step := range tt.steps {
			switch {
			case step.f != nil:
				files.says(t, s.Keeper, step.who, step.f, step.more)
			case step.more == 0:
				s.Died(&wire.Exit{Addr: step.who}, tree.Own)
			case step.more == 1:
				s.Begin(step.who, "", s.hears(step.who))
			default:
				s.Gone(step.who.ID)
			}
		}
		if got := files.open(); got != tt.want {
			t.Errorf("%s: %d of %d descriptors are open, want %d", tt.what, got, len(files), tt.want)
		}
		if most := strings.HasPrefix(tt.what, "more blocks"); most != (over == 1) {
			t.Errorf("%s: %d times too much", tt.what, over)
		}
		if s.Close(); files.open() != 0 {
			t.Errorf("%s: %d descriptors are open at the end", tt.what, files.open())
		}
	}
}
