package keeper

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// TestWordsOfNobody: whatever a process says of an actor that does not exist, or of a lane
// that does not, changes nothing.
func TestWordsOfNobody(t *testing.T) {
	s, files := newStage(1), sent{}
	from, nobody := at(2, 1), at(99, 1)
	letters := 0
	s.Letter = func(Letter) { letters++ }
	for _, peer := range []wire.Addr{nobody, at(1, 1)} { // with this one it has no lane
		for _, f := range []wire.Frame{
			&wire.Page{Peer: peer, Size: transport.RecvPageBytes},
			&wire.Segment{Peer: peer, ID: 1, Size: 4096, Class: 64, Blocks: 8},
			&wire.Segment{Peer: peer, ID: 1, Size: 4096, Class: 64, Blocks: 8, Reply: 1},
			&wire.Segment{Peer: peer, ID: 1},
			&wire.Passage{Peer: peer},
			&wire.Drained{From: peer},
			&wire.Closed{To: peer.ID},
			&wire.Letter{From: peer, To: 2, Reason: wire.LetterCorrupt},
			&wire.Link{ID: peer.ID, Cancel: 1},
			&wire.Monitor{Token: 1, How: wire.MonitorCancel},
			&wire.Group{Op: wire.GroupLeave, Name: "nobody's"},
		} {
			files.says(t, s.Keeper, from, f, 0)
		}
	}
	files.says(t, s.Keeper, from, &wire.Open{To: nobody.ID, Queue: wire.QueueRing, Cells: 4096, Size: 1 << 20}, 0)
	s.Frame(from, &wire.Resolve{ID: nobody.ID}, nil)
	s.Frame(from, &wire.Trap{}, nil)
	s.Frame(from, &wire.Monitor{Token: 2, ID: nobody.ID}, nil)
	s.Frame(from, &wire.Link{ID: nobody.ID}, nil)
	s.want(t, from, "down 2 of 99", "linked with 99")
	if files.open() != 0 || letters != 2 || len(s.lanes)+len(s.links)+len(s.monitors)+len(s.groups)+len(s.pools) != 0 {
		t.Errorf("%d descriptors, %d letters, lanes %v, links %v, monitors %v, groups %v", files.open(), letters, s.lanes, s.links, s.monitors, s.groups)
	}
	s.Died(&wire.Exit{Addr: nobody}, tree.Own)
	s.SuccessorDied(nobody)
	s.Gone(nobody.ID)
	s.Back(nobody.ID)
}

// TestLateWords: what is said of an incarnation, or by it, when it has ended concerns
// none that came after it.
func TestLateWords(t *testing.T) {
	s := newStage(1)
	s.dies(at(2, 1))
	s.Begin(at(2, 2), "", s.hears(at(2, 2)))
	s.Frame(at(2, 2), &wire.Monitor{Token: 7, ID: 1}, nil)
	s.Frame(at(2, 1), &wire.Trap{}, nil)
	s.Died(&wire.Exit{Addr: at(2, 1)}, tree.Own)
	if c := s.children[2]; c.alive != 2 || c.traps || len(s.monitors) != 1 {
		t.Errorf("%d is alive, traps: %v, monitors: %v", c.alive, c.traps, s.monitors)
	}
	if s.SuccessorDied(at(1, 2)); s.children[1].next != nil {
		t.Error("the dead stands by")
	}
	s.StandBy(at(1, 3), "", s.hears(at(1, 3)))
	s.Frame(at(1, 3), &wire.Trap{}, nil)
	s.SuccessorDied(at(1, 2))
	if c := s.children[1]; !c.next.is(3) || !c.next.traps || c.traps {
		t.Errorf("%+v stands by, and the one that runs traps: %v", c.next, c.traps)
	}
	gone := 0
	s.Begin(at(2, 3), "", func(f wire.Frame, _ ...*Handle) {
		if _, ok := f.(*wire.Gone); ok {
			gone++
		}
	})
	s.lane(at(2, 3), 1)
	for range 2 {
		s.Gone(1)
	}
	if gone != 1 {
		t.Errorf("it is told %d times that one is gone", gone)
	}
}

// TestNamesThatChange: of each type the last name is kept, of all together no more than
// there is room for, however often a process calls them something else.
func TestNamesThatChange(t *testing.T) {
	s := newStage(1)
	learns := func(id uint64, name string) {
		s.Frame(at(2, 1), &wire.Types{Types: []wire.TypeName{{ID: id, Name: name}}}, nil)
	}
	for i := range 20 {
		learns(1, strings.Repeat(fmt.Sprint(i%10), 1<<20+i))
	}
	if want := 1<<20 + 19; s.nameBytes != want || len(s.TypeName(1)) != want {
		t.Errorf("%d bytes are counted, and %d kept of the last name, want %d", s.nameBytes, len(s.TypeName(1)), want)
	}
	for id := range uint64(20) {
		learns(2+id, strings.Repeat("x", 1<<20))
	}
	if s.nameBytes > maxNamed || s.nameBytes <= maxNamed-1<<20 || s.TypeName(21) != "0x0000000000000015" {
		t.Errorf("%d bytes are kept; the last type is %.20s", s.nameBytes, s.TypeName(21))
	}
	learns(1, "short")
	if learns(2, strings.Repeat("y", maxNamed)); s.TypeName(2) != "0x0000000000000002" {
		t.Errorf("a name of %d bytes is kept that nobody uses any more", len(s.TypeName(2)))
	}
	if learns(30, "fits now"); s.TypeName(1) != "short" || s.TypeName(30) != "fits now" {
		t.Errorf("%q, %q", s.TypeName(1), s.TypeName(30))
	}
	for id := range uint64(maxTypes + 10) {
		learns(100+id, "t")
	}
	if len(s.types) != maxTypes {
		t.Errorf("%d types are kept", len(s.types))
	}
}
