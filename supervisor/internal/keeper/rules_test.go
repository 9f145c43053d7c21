package keeper

import (
	"fmt"
	"slices"
	"testing"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// lane makes a lane of which the test needs no descriptors.
func (s *stage) lane(from wire.Addr, to uint32) *held {
	l := &held{laneKey: laneKey{from, to}}
	s.lanes[l.laneKey] = l
	return l
}

// TestLaneStaysWhileItIsUsed: a lane is dropped when its dead sender's receiver has read
// it, or when the sender of one whose receiver is gone has closed it, and not because
// either says so at another time, or somebody else does.
func TestLaneStaysWhileItIsUsed(t *testing.T) {
	s := newStage(2)
	l := s.lane(at(2, 1), 3)
	for who, f := range map[wire.Addr]wire.Frame{
		at(3, 1): &wire.Drained{From: at(2, 1)},
		at(2, 1): &wire.Closed{To: 3},
	} {
		if s.Frame(who, f, nil); s.lanes[l.laneKey] != l {
			t.Fatalf("both its ends are alive, and it is dropped by %T", f)
		}
	}
	s.dies(at(2, 1))
	s.want(t, at(3, 1), "the end of 2.1")
	for who, f := range map[wire.Addr]wire.Frame{
		at(1, 1): &wire.Drained{From: at(2, 1)},
		at(3, 1): &wire.Drained{From: at(2, 2)},
	} {
		if s.Frame(who, f, nil); s.lanes[l.laneKey] != l {
			t.Fatalf("%v has not read it, and it is dropped by %+v", who, f)
		}
	}
	if s.Frame(at(3, 1), &wire.Drained{From: at(2, 1)}, nil); len(s.lanes) != 0 {
		t.Error("it was read, and is kept")
	}
}

// TestCloseOfTheGone: the sender of a lane whose receiver is gone is told the end, and is
// asked for nothing else; the lane of a dead sender waits for nobody.
func TestCloseOfTheGone(t *testing.T) {
	s := newStage(1)
	var told []wire.Frame
	s.Begin(at(2, 1), "", func(f wire.Frame, _ ...*Handle) { told = append(told, f) })
	s.lane(at(2, 1), 1)
	s.lane(at(9, 1), 1).retired = true
	closed := 0
	for _, l := range s.lanes {
		l.files = []*Handle{NewHandle(closer{&closed})}
	}
	s.dies(at(1, 1))
	told = nil
	s.Gone(1)
	if len(s.lanes) != 1 || closed != 1 {
		t.Errorf("%d lanes are kept, %d closed; want that of the sender that is alive, and one", len(s.lanes), closed)
	}
	if len(told) != 1 {
		t.Fatalf("the sender was told %v", told)
	}
	if f, ok := told[0].(*wire.Gone); !ok || f.ID != 1 || f.Exit.Summary != "killed" {
		t.Errorf("the sender was told %+v", told[0])
	}
	if s.dies(at(2, 1)); len(s.lanes) != 0 || closed != 2 {
		t.Errorf("its sender is dead: %d lanes are kept, %d closed", len(s.lanes), closed)
	}
}

// TestDrainOfOneWithoutSenders: nobody has to close anything, and it may end at once.
func TestDrainOfOneWithoutSenders(t *testing.T) {
	s := newStage(1)
	s.lane(at(2, 1), 1).retired = true
	done := 0
	s.Drain(1, func() { done++ })
	s.Drain(1, func() { t.Error("it is drained twice") })
	s.Drain(7, func() { t.Error("nobody is drained") })
	if done != 1 {
		t.Errorf("it was told %d times that it may end", done)
	}
}

// TestBackIsTold: whoever is alive learns that a child is back, a successor that stands
// by too, and nobody that one is that was not gone.
func TestBackIsTold(t *testing.T) {
	s, told := newStage(2), []string{}
	hears := func(who string) Post {
		return func(f wire.Frame, _ ...*Handle) {
			if f, ok := f.(*wire.Back); ok {
				told = append(told, fmt.Sprint(who, f.ID))
			}
		}
	}
	s.children[1].post, s.children[1].next.post = hears("old"), hears("new")
	s.Back(2)
	s.Back(7)
	s.dies(at(2, 1))
	s.Back(2) // it is restarted: its mailbox stays
	s.Gone(2)
	s.Back(2)
	if s.Back(2); fmt.Sprint(told) != "[old2 new2]" {
		t.Errorf("told: %v", told)
	}
}

// TestDeathLeavesNothing: of an incarnation that is dead nothing is known but its end: it
// watches nobody, waits for nothing, is in no group, and is not waited for.
func TestDeathLeavesNothing(t *testing.T) {
	s := newStage(2)
	s.Number = func() uint32 { return 100 }
	s.Overrun = func(wire.Addr, *BoundError) {}
	who := at(3, 1)
	s.watches(who, 5)
	s.Frame(who, &wire.Group{Op: wire.GroupJoin, Name: "a"}, nil)
	s.Frame(who, &wire.Group{Op: wire.GroupFind, Name: "a"}, nil)
	s.Frame(who, &wire.Resolve{ID: 2}, nil)
	s.overrun(who, &BoundError{})
	p := s.groups["a"]
	if s.left(who) == 0 || len(p.members) != 1 || len(p.told) != 1 || len(s.children[2].known) != 1 {
		t.Fatalf("it is not known: %d, %v, %v", s.left(who), p, s.children[2].known)
	}
	s.dies(who)
	if n := s.left(who); n != 0 {
		t.Errorf("%d things are left of it", n)
	}
	if len(p.members) != 0 || len(p.told) != 0 {
		t.Errorf("it is in a group, or told of it: %v, %v", p.members, p.told)
	}
	if len(s.children[2].known) != 0 || len(s.condemned) != 0 {
		t.Errorf("a lane of it is waited for: %v, or it is condemned: %v", s.children[2].known, s.condemned)
	}
	if p.last().Addr != who {
		t.Errorf("the group is empty by the end of %v", p.last().Addr)
	}
}

// TestBoundOfOneProcess: what a process gives back does not count; what it asks for beyond
// the bound is told once, and nothing that it says after that is looked at. Others, and
// its next incarnation, have a bound of their own.
func TestBoundOfOneProcess(t *testing.T) {
	s, over := newStage(2), []string{}
	s.Overrun = func(who wire.Addr, err *BoundError) {
		over = append(over, fmt.Sprint(who.ID, " ", err.What, " ", err.Bound))
	}
	s.Bounds.Monitors, s.Bounds.Links = 2, 1
	watch := func(who wire.Addr, n uint64) {
		s.Frame(who, &wire.Monitor{Token: n, ID: 2}, nil)
	}
	for n := range uint64(10) {
		watch(at(3, 1), n)
		watch(at(1, 1), n%2)
		s.Frame(at(1, 1), &wire.Monitor{Token: n % 2, How: wire.MonitorCancel}, nil)
		s.Frame(at(1, 1), &wire.Link{ID: 2}, nil)
		s.Frame(at(1, 1), &wire.Link{ID: 2, Cancel: 1}, nil)
	}
	if fmt.Sprint(over) != "[3 monitors 2]" {
		t.Fatalf("too much: %v", over)
	}
	s.Frame(at(3, 1), &wire.Monitor{Token: 0, How: wire.MonitorCancel}, nil)
	if len(s.monitors) != 2 {
		t.Errorf("%d monitors: it is condemned, and is heard", len(s.monitors))
	}
	s.dies(at(3, 1))
	s.Begin(at(3, 2), "", s.hears(at(3, 2)))
	watch(at(3, 2), 1)
	s.Frame(at(3, 2), &wire.Link{ID: 2}, nil)
	if len(s.monitors) != 1 || len(s.links) != 1 || len(over) != 1 {
		t.Errorf("the next one: %d monitors, %d links, %v", len(s.monitors), len(s.links), over)
	}
	s.Frame(at(3, 2), &wire.Link{ID: 1}, nil)
	if fmt.Sprint(over) != "[3 monitors 2 3 links 1]" {
		t.Errorf("too much: %v", over)
	}
}

// TestUnreadOfOthers: a sender's mailbox is full by what its own earlier incarnations have
// left unread there, by nothing else; and what waits for a receiver has its answer when
// the lane is dropped.
func TestUnreadOfOthers(t *testing.T) {
	s, answers := newStage(2), 0
	s.Begin(at(2, 9), "", func(f wire.Frame, _ ...*Handle) {
		if f, ok := f.(*wire.Target); ok && f.State == wire.TargetAlive {
			answers++
		}
	})
	ask := func(want int, when string) {
		t.Helper()
		if s.Frame(at(2, 9), &wire.Resolve{ID: 3}, nil); answers != want {
			t.Fatalf("%s: %d answers, want %d", when, answers, want)
		}
	}
	for i := range uint32(maxUnread) {
		s.lane(at(2, 1+i), 1).retired = true  // to another
		s.lane(at(1, 1+i), 3).retired = true  // of another
		s.lane(at(2, 10+i), 3).retired = true // of a later one
		s.lane(at(2, 5+i), 3)                 // of one that is not dead yet
	}
	ask(1, "nothing of its own is unread")
	s.lane(at(2, 3), 3).retired = true
	last := s.lane(at(2, 4), 3)
	last.retired = true
	ask(1, "two are unread")
	s.unpark(laneKey{at(2, 3), 1})
	s.unpark(laneKey{at(1, 3), 3})
	if s.drop(last); answers != 2 || len(s.parked) != 0 {
		t.Errorf("one was read: %d answers, %d wait", answers, len(s.parked))
	}
	s.Crowded = nil
	s.lanes[last.laneKey] = last
	s.children[3].gone = true
	s.Frame(at(2, 9), &wire.Resolve{ID: 3}, nil)
	if len(s.parked) != 0 {
		t.Error("it waits for one that is gone")
	}
}

// TestOneThatEndsNormally takes nobody with it; any other end does.
func TestOneThatEndsNormally(t *testing.T) {
	for reason, want := range map[string]int{wire.ReasonNormal: 0, wire.ReasonShutdown: 1, wire.ReasonError: 1} {
		s, ends := newStage(2), 0
		s.Linked = func(peer wire.Addr, x *wire.Exit) {
			if ends++; peer != at(3, 1) || x.Reason != reason {
				t.Errorf("%v has to end because of %+v", peer, x)
			}
		}
		s.Frame(at(2, 1), &wire.Link{ID: 3}, nil)
		if s.Died(&wire.Exit{Addr: at(2, 1), Reason: reason}, tree.Own); ends != want {
			t.Errorf("after %q: %d have to end, want %d", reason, ends, want)
		}
	}
}

// closer is a file that cannot be mapped, and notes that it was closed.
type closer struct{ n *int }

func (c closer) Close() error { *c.n++; return nil }
func (c closer) Fd() uintptr  { return ^uintptr(0) }

// TestLaneWithItsParts: whoever begins to read a mailbox gets each lane with all that its
// messages need, and after that the word that its sender is dead.
func TestLaneWithItsParts(t *testing.T) {
	for what, begin := range map[string]func(s *stage, says Post){
		"the next incarnation": func(s *stage, says Post) {
			s.dies(at(1, 1))
			s.Begin(at(1, 3), "", says)
		},
		"a successor": func(s *stage, says Post) {
			s.children[1].next.post = says
			s.takesOver()
		},
	} {
		s, closed := newStage(1), 0
		l := s.lane(at(2, 1), 1)
		l.at = transport.Place{Seq: 9, Urgent: 3, Carry: []byte("next"), CarryUrgent: true}
		l.exit, l.retired = NewHandle(closer{&closed}), true
		l.segments = []kept{{wire.Segment{ID: 4, Peer: at(2, 1)}, NewHandle(closer{&closed})}}
		var said []string
		begin(s, func(f wire.Frame, files ...*Handle) {
			switch f := f.(type) {
			case *wire.Lane:
				said = append(said, fmt.Sprint("lane ", f.From, " ", f.Start, f.Urgent, " ", string(f.Carry), f.CarryUrgent))
			case *wire.Segment:
				said = append(said, fmt.Sprint("segment ", f.ID, " ", f.Peer, " ", len(files)))
			case *wire.Passage:
				said = append(said, fmt.Sprint("passage ", f.Peer, " ", len(files)))
			case *wire.Retire:
				said = append(said, fmt.Sprint("the end of ", f.From))
			}
			ReleaseAll(files)
		})
		if want := "[lane 2.1 9 3 next1 segment 4 2.1 1 passage 2.1 1 the end of 2.1]"; fmt.Sprint(said) != want {
			t.Errorf("%s is told %v, want %s", what, said, want)
		}
		if s.drop(l); closed != 2 {
			t.Errorf("%s: %d descriptors are closed with the lane, want 2", what, closed)
		}
	}
}

// TestPoolWithoutTheGone: one that is gone for good is in no pool, one that is restarted
// stays; who watches the pool learns that it has no members.
func TestPoolWithoutTheGone(t *testing.T) {
	s := newStage(2)
	s.AddPool(9, "pool", wire.RouteRoundRobin)
	if err := s.Enter(9, 2); err != nil {
		t.Fatal(err)
	}
	s.Frame(at(3, 1), &wire.Monitor{Token: 7, ID: 9}, nil)
	if s.dies(at(2, 1)); len(s.pools[9].members) != 1 {
		t.Error("it may be restarted, and has left the pool")
	}
	s.want(t, at(3, 1))
	if s.Gone(2); len(s.pools[9].members) != 0 {
		t.Error("it is gone, and messages to the pool are sent to it")
	}
	s.want(t, at(3, 1), "down 7 of 2")
	if s.Enter(9, 2) == nil {
		t.Error("it is gone, and is made a member")
	}
}

// TestGroupWithoutTheDead: an incarnation that is dead is in no group when its notice comes.
func TestGroupWithoutTheDead(t *testing.T) {
	s, number := newStage(2), uint32(100)
	s.Number = func() uint32 { number++; return number }
	var heard []string
	s.Begin(at(3, 2), "", func(f wire.Frame, _ ...*Handle) {
		switch f := f.(type) {
		case *wire.Members:
			heard = append(heard, fmt.Sprint("members ", f.Members))
		case *wire.Down:
			heard = append(heard, "down")
		}
	})
	s.Frame(at(2, 1), &wire.Group{Op: wire.GroupJoin, Name: "group"}, nil)
	s.Frame(at(3, 2), &wire.Group{Op: wire.GroupFind, Name: "group"}, nil)
	s.Frame(at(3, 2), &wire.Monitor{Token: 7, ID: 2}, nil)
	s.dies(at(2, 1))
	if want := []string{"members [2]", "members []", "down"}; !slices.Equal(heard, want) {
		t.Errorf("%q, want %q", heard, want)
	}
}
