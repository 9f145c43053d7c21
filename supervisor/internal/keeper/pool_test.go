package keeper

import (
	"fmt"
	"testing"

	"github.com/understudy-go/understudy/transport/wire"
)

// TestWhoHasTheName: of several with one name that is found which was started, before one
// that waits for its first start and before one that has ended; of equals the newest.
func TestWhoHasTheName(t *testing.T) {
	const ended, waits, has = 0, 1, 2
	for _, c := range []struct {
		name            string
		children, pools []int // their claims, by number: children from 10, pools from 20
		want            uint32
	}{
		{"children", []int{ended, waits, waits, ended}, nil, 12},
		{"one that waits", []int{has, waits, ended}, nil, 10},
		{"pools", nil, []int{ended, waits, waits, ended}, 22},
		{"a pool that waits", nil, []int{has, waits, ended}, 20},
		{"a child that waits", []int{waits}, []int{has}, 20},
		{"a pool that waits for a child's name", []int{has}, []int{waits, ended}, 10},
		{"a child that has ended", []int{ended}, []int{waits}, 20},
		{"a pool that has ended", []int{waits}, []int{ended}, 10},
		{"both have ended", []int{ended}, []int{ended}, 20},
		{"nobody", nil, nil, 0},
	} {
		for range 20 { // maps have no order
			s := newStage(2)
			for i, claim := range c.children {
				id := uint32(10 + i)
				s.Add(id, "it", wire.Mailbox{})
				if claim == has {
					s.Begin(at(id, 1), "", s.hears(at(id, 1)))
				}
				if claim == ended {
					s.Gone(id)
				}
			}
			for i, claim := range c.pools {
				id := uint32(20 + i)
				s.AddPool(id, "it", wire.RouteRoundRobin)
				if claim != waits {
					s.BeginPool(id)
				}
				if claim == ended {
					s.Gone(id)
				}
			}
			s.AddPool(30, "it", wire.RouteGroup)
			s.AddPool(31, "other", wire.RouteRoundRobin)
			var got uint32
			if c, p := s.named("it"); c != nil {
				got = c.id
			} else if p != nil {
				got = p.id
			}
			if got != c.want {
				t.Fatalf("%s: number %d has the name, want %d", c.name, got, c.want)
			}
		}
	}
	s := newStage(2)
	s.AddPool(9, "root", wire.RouteRoundRobin) // the root itself has no name
	if c, p := s.named("root"); c != nil || p == nil {
		t.Errorf("%+v, %+v", c, p)
	}
	s.BeginPool(9)
	s.Gone(9)
	s.BeginPool(9) // it is back
	s.AddPool(10, "root", wire.RouteRoundRobin)
	if _, p := s.named("root"); p.id != 9 {
		t.Errorf("number %d has the name", p.id)
	}
}

// TestGroupMakesRoom: when there are too many groups, one without members is forgotten:
// one that nobody uses, and of those, or else of all, the one that has been empty longest.
// Who used it is told to ask again.
func TestGroupMakesRoom(t *testing.T) {
	s, number, again := newStage(2), uint32(100), []uint32{}
	s.Number = func() uint32 { number++; return number }
	s.Begin(at(3, 1), "", func(f wire.Frame, _ ...*Handle) {
		if f, ok := f.(*wire.Back); ok {
			again = append(again, f.ID)
		}
	})
	name := func(i int) string { return fmt.Sprint("group ", i) }
	does := func(who wire.Addr, op uint8, i int) { s.Frame(who, &wire.Group{Op: op, Name: name(i)}, nil) }
	for i := range MaxGroups {
		does(at(2, 1), wire.GroupJoin, i)
	}
	for i := range MaxGroups {
		does(at(2, 1), wire.GroupLeave, i)
	}
	does(at(3, 1), wire.GroupFind, 0) // used
	does(at(2, 1), wire.GroupJoin, 1)
	does(at(2, 1), wire.GroupJoin, 2)
	does(at(2, 1), wire.GroupLeave, 2) // empty for a shorter time
	forgotten := func(want int) {
		t.Helper()
		id := s.groups[name(want)].id
		number := len(s.groups)
		does(at(2, 1), wire.GroupJoin, number+want) // one more
		if s.groups[name(want)] != nil || len(s.groups) != MaxGroups || s.pools[id] != nil {
			t.Errorf("%s is not forgotten", name(want))
		}
	}
	for i := 3; i < 20; i++ { // maps have no order
		forgotten(i)
	}
	for i := range MaxGroups {
		if s.groups[name(i)] != nil {
			does(at(3, 1), wire.GroupFind, i)
		}
	}
	if len(again) != 0 {
		t.Errorf("groups that nobody used: %v", again)
	}
	used := s.groups[name(0)].id
	if forgotten(0); len(again) != 1 || again[0] != used {
		t.Errorf("%v are to be asked for again, want %d", again, used)
	}
}

// TestMembersOnce: nobody is a member twice, what one successor has joined is not left by
// another one, and there are no more members than there may be, nor groups.
func TestMembersOnce(t *testing.T) {
	s, number := newStage(2), uint32(100)
	s.Number = func() uint32 { number++; return number }
	s.StandBy(at(2, 2), "", s.hears(at(2, 2)))
	for _, who := range []wire.Addr{at(3, 1), at(3, 1), at(1, 2), at(2, 2)} {
		s.Frame(who, &wire.Group{Op: wire.GroupJoin, Name: "group"}, nil)
	}
	s.Frame(at(1, 2), &wire.Group{Op: wire.GroupLeave, Name: "group"}, nil)
	g := s.groups["group"]
	if fmt.Sprint(g.members, g.coming) != fmt.Sprint([]wire.Addr{at(3, 1)}, []wire.Addr{at(2, 2)}) {
		t.Errorf("members %v, and to come %v", g.members, g.coming)
	}
	s.AddPool(9, "pool", wire.RouteRoundRobin)
	s.pools[9].members = make([]wire.Addr, wire.MaxMembers-1)
	if err := s.Enter(9, 2); err != nil {
		t.Error(err)
	}
	if s.Enter(9, 3) == nil || len(s.pools[9].members) != wire.MaxMembers {
		t.Errorf("%d members", len(s.pools[9].members))
	}
	for i := range MaxGroups + 2 {
		s.Frame(at(3, 1), &wire.Group{Op: wire.GroupJoin, Name: fmt.Sprint("group ", i)}, nil)
	}
	if len(s.groups) != MaxGroups {
		t.Errorf("%d groups", len(s.groups))
	}
}
