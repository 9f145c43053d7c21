package keeper

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// stage is a keeper with an actor, number 1, and its successor, which stands by, among
// others. It writes down which ends each process is told of.
type stage struct {
	*Keeper
	told map[wire.Addr][]string
}

func at(id, incarnation uint32) wire.Addr { return wire.Addr{ID: id, Incarnation: incarnation} }

func newStage(others uint32) *stage {
	s := &stage{New(slog.New(slog.DiscardHandler), func(Letter) {}), map[wire.Addr][]string{}}
	s.Add(0, "root", wire.Mailbox{})
	for id := uint32(1); id <= 1+others; id++ {
		s.Add(id, fmt.Sprint("actor", id), wire.Mailbox{})
		s.Begin(at(id, 1), "", s.hears(at(id, 1)))
	}
	s.StandBy(at(1, 2), "", s.hears(at(1, 2)))
	return s
}

func (s *stage) hears(who wire.Addr) Post {
	return func(f wire.Frame, files ...*Handle) {
		ReleaseAll(files)
		switch f := f.(type) {
		case *wire.Down:
			s.told[who] = append(s.told[who], fmt.Sprint("down ", f.Token, " of ", f.Exit.Addr.ID))
		case *wire.Retire:
			s.told[who] = append(s.told[who], fmt.Sprint("the end of ", f.From.ID, ".", f.From.Incarnation))
		case *wire.Linked:
			s.told[who] = append(s.told[who], fmt.Sprint("linked with ", f.Exit.Addr.ID))
		}
	}
}

func (s *stage) dies(who wire.Addr) {
	x := &wire.Exit{Addr: who, Code: -1, Reason: wire.ReasonError, Summary: "killed"}
	s.Died(x, tree.Own)
	s.Notify(x)
}

func (s *stage) takesOver() { s.TakeOver(&wire.Exit{Addr: at(1, 1), Reason: wire.ReasonReplaced}) }

// watches places a monitor of number 2, and a link with it, whose ends it traps, waits
// for room in its mailbox, and uses a pool.
func (s *stage) watches(who wire.Addr, token uint64) {
	s.Frame(who, &wire.Trap{}, nil)
	s.Frame(who, &wire.Monitor{Token: token, ID: 2}, nil)
	s.Frame(who, &wire.Link{ID: 2}, nil)
	s.parked = append(s.parked, parked{from: who, f: wire.Resolve{ID: 2}})
	if s.pools[9] == nil {
		s.AddPool(9, "pool", wire.RouteRoundRobin)
	}
	s.Frame(who, &wire.Resolve{ID: 9}, nil)
}

// left is what the keeper knows of an incarnation beside whether it is alive.
func (s *stage) left(of wire.Addr) (n int) {
	for _, w := range s.monitors {
		if w.by == of {
			n++
		}
	}
	for l := range s.links {
		if l.a == of || l.b == of {
			n++
		}
	}
	for _, p := range s.parked {
		if p.from == of {
			n++
		}
	}
	if s.used[of] != nil {
		n++
	}
	for _, p := range s.pools {
		if _, ok := p.told[of]; ok {
			n++
		}
	}
	return n
}

func (s *stage) want(t *testing.T, who wire.Addr, want ...string) {
	t.Helper()
	if got := s.told[who]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v was told %q, want %q", who, got, want)
	}
	s.told[who] = nil
}

// TestTakeOverLeavesNothing: what the old process has watched nobody watches any more,
// its links are those of the new one, which keeps its own watches, and nothing is noted
// of the old one.
func TestTakeOverLeavesNothing(t *testing.T) {
	s := newStage(1)
	s.watches(at(1, 1), 5)
	s.Frame(at(1, 2), &wire.Trap{}, nil)
	s.Frame(at(1, 2), &wire.Monitor{Token: 6, ID: 2}, nil)
	s.takesOver()
	if n := s.left(at(1, 1)); n != 0 {
		t.Errorf("%d things are left of the old process", n)
	}
	s.dies(at(2, 1))
	s.want(t, at(1, 2), "linked with 2", "down 6 of 2")
	s.want(t, at(1, 1))
}

// TestSuccessorLeavesNothing: of one that has ended before it could take over nothing is
// left, and the old process is watched and watches as before.
func TestSuccessorLeavesNothing(t *testing.T) {
	s := newStage(1)
	s.watches(at(1, 1), 5)
	s.watches(at(1, 2), 6)
	s.SuccessorDied(at(1, 2))
	if n := s.left(at(1, 2)); n != 0 {
		t.Errorf("%d things are left of the successor", n)
	}
	s.dies(at(2, 1))
	s.want(t, at(1, 1), "linked with 2", "down 5 of 2")
	s.want(t, at(1, 2))
}

// TestLanesOfSuccessor: what a successor sends to others is read like anything else, and
// final at its death; what it sends to its own actor waits until it is that, and goes with
// it, into dead letters, if it never is.
func TestLanesOfSuccessor(t *testing.T) {
	for _, dies := range []bool{false, true} {
		s := newStage(1)
		lane := func(to uint32) *held {
			l := &held{laneKey: laneKey{at(1, 2), to}, files: []*Handle{NewHandle(closer{new(int)})}}
			s.lanes[l.laneKey] = l
			return l
		}
		other, own := lane(2), lane(1)
		if s.reader(other) == nil || s.reader(own) != nil {
			t.Errorf("while it stands by, others read it: %v, and its predecessor: %v", s.reader(other) != nil, s.reader(own) != nil)
		}
		if !dies {
			if s.takesOver(); s.reader(own) == nil || s.reader(other) == nil || other.retired {
				t.Error("it has taken over, and is not read")
			}
			continue
		}
		s.SuccessorDied(at(1, 2))
		s.want(t, at(2, 1), "the end of 1.2")
		if !other.retired || s.lanes[other.laneKey] == nil || s.lanes[own.laneKey] != nil {
			t.Errorf("it is dead: what it has sent is final: %v, is kept: %v, and for itself: %v", other.retired, s.lanes[other.laneKey] != nil, s.lanes[own.laneKey] != nil)
		}
	}
}

// TestLinksWhileHandingOver: the end of one that the old process is linked with waits
// until it is known which process goes on, and then comes to that, once; what the new one
// is linked with by itself is nothing that waits.
func TestLinksWhileHandingOver(t *testing.T) {
	for _, goesOn := range []string{"the old one", "the new one", "the old one, at the new one's end"} {
		s := newStage(2)
		s.watches(at(1, 1), 5)
		s.Frame(at(1, 2), &wire.Trap{}, nil)
		s.Frame(at(1, 2), &wire.Link{ID: 3}, nil)
		s.HandOver(1)
		s.dies(at(2, 1))
		s.want(t, at(1, 1), "down 5 of 2")
		s.dies(at(3, 1))
		s.want(t, at(1, 2), "linked with 3")
		who := at(1, 1)
		switch goesOn {
		case "the old one":
			s.Resume(1)
		case "the new one":
			who = at(1, 2)
			s.takesOver()
		default:
			s.SuccessorDied(at(1, 2))
		}
		s.want(t, who, "linked with 2")
		if goesOn == "the old one" {
			s.SuccessorDied(at(1, 2))
		}
		s.want(t, at(1, 1))
		s.want(t, at(1, 2))
	}
}

// TestGroupsOfSuccessor: a successor is in the groups that its predecessor is in, and in
// those that it has joined itself, unless it has left them.
func TestGroupsOfSuccessor(t *testing.T) {
	s, number := newStage(0), uint32(100)
	s.Number = func() uint32 { number++; return number }
	s.Frame(at(1, 1), &wire.Group{Op: wire.GroupJoin, Name: "a"}, nil)
	s.Frame(at(1, 2), &wire.Group{Op: wire.GroupJoin, Name: "b"}, nil)
	s.Frame(at(1, 2), &wire.Group{Op: wire.GroupJoin, Name: "c"}, nil)
	s.Frame(at(1, 2), &wire.Group{Op: wire.GroupLeave, Name: "c"}, nil)
	s.takesOver()
	for name, want := range map[string][]wire.Addr{"a": {at(1, 2)}, "b": {at(1, 2)}, "c": {}} {
		if got := s.groups[name].members; !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
}

// TestGroupsOfSuccessorAreKept: when there are too many groups, one that only a successor
// has joined is not forgotten, unless the successor has left it again or is dead.
func TestGroupsOfSuccessorAreKept(t *testing.T) {
	for _, how := range []string{"takes over", "leaves", "dies"} {
		s, number := newStage(0), uint32(100)
		s.Number = func() uint32 { number++; return number }
		for range 2 { // to join twice is to join once
			s.Frame(at(1, 2), &wire.Group{Op: wire.GroupJoin, Name: "joined"}, nil)
		}
		joined := s.groups["joined"]
		switch how {
		case "leaves":
			s.Frame(at(1, 2), &wire.Group{Op: wire.GroupLeave, Name: "joined"}, nil)
		case "dies":
			s.SuccessorDied(at(1, 2))
		}
		for i := range MaxGroups {
			s.Frame(at(1, 1), &wire.Group{Op: wire.GroupFind, Name: fmt.Sprint("passing ", i)}, nil)
		}
		if how != "takes over" {
			if s.groups["joined"] != nil {
				t.Errorf("%s: a group that nobody will be a member of is kept", how)
			}
			continue
		}
		if s.takesOver(); s.groups["joined"] != joined || !slices.Equal(joined.members, []wire.Addr{at(1, 2)}) || len(joined.coming) > 0 {
			t.Errorf("%s: it is a member of %+v", how, s.groups["joined"])
		}
	}
}
