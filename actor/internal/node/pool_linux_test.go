package node

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport/wire"
	"github.com/understudy-go/understudy/transport/wire/wiretest"
)

// targetOf opens the lane to an actor.
func (s *script) targetOf(id uint32) *Target {
	s.t.Helper()
	return s.opening(id, func() (*Target, error) { return s.node.Target(background, id) })
}

// opening is the target that f returns, which opens the lane to an actor.
func (s *script) opening(id uint32, f func() (*Target, error)) *Target {
	s.t.Helper()
	done := make(chan *Target, 1)
	go func() {
		t, err := f()
		if err != nil {
			s.t.Error(err)
		}
		done <- t
	}()
	r := wiretest.Hear[*wire.Resolve](s.Peer)
	if r.ID != id {
		s.t.Fatalf("it asks for number %d, want %d", r.ID, id)
	}
	s.Say(&wire.Target{Token: r.Token, State: wire.TargetAlive, ID: id, Name: "member", Mailbox: mailbox.Config{}.Wire()})
	wiretest.Hear[*wire.Open](s.Peer)
	t := <-done
	if t == nil {
		s.t.FailNow()
	}
	return t
}

// pool tells the node of a pool.
func (s *script) pool(id uint32, route wire.Route, members ...uint32) *Pool {
	s.t.Helper()
	s.Say(&wire.Members{ID: id, Route: route, Name: "pool", Members: members, Exit: wire.Exit{Summary: "all said"}})
	s.heard()
	return s.node.Known(id).Pool
}

// picked is the members that get the next n messages, of which each has another key.
func picked(t *testing.T, p *Pool, n int) (ids []uint32) {
	t.Helper()
	for key := range uint64(n) {
		member, err := p.Pick(background, key)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, member.ID)
	}
	return ids
}

func count(ids []uint32, id uint32) (n int) {
	for _, x := range ids {
		if x == id {
			n++
		}
	}
	return n
}

// TestPoolPicks: of all routes, the members take turns or share the keys; none that is
// known to take nothing more is picked; and without members the error is theirs.
func TestPoolPicks(t *testing.T) {
	for _, route := range []wire.Route{wire.RouteRoundRobin, wire.RouteLeastLoaded, wire.RouteByKey} {
		s := newScript(t)
		p := s.pool(20, route, 2, 3, 4)
		var members []*Target
		for _, id := range p.Members() {
			members = append(members, s.targetOf(id))
		}
		const n = 60
		for _, id := range p.Members() {
			if got := count(picked(t, p, n), id); route != wire.RouteByKey && got != n/3 || got < n/6 || got > n/2 {
				t.Errorf("route %d: member %d gets %d of %d messages", route, id, got, n)
			}
		}
		before := picked(t, p, n)
		s.Say(&wire.Leaving{ID: 4})
		wiretest.Hear[*wire.Closed](s.Peer)
		after := picked(t, p, n)
		if count(after, 4) > 0 || count(after, 2) < n/4 || count(after, 3) < n/4 {
			t.Errorf("route %d: member 4 leaves: %v", route, after)
		}
		for i, id := range before {
			if route == wire.RouteByKey && id != 4 && after[i] != id {
				t.Errorf("key %d moves from %d to %d, when 4 leaves", i, id, after[i])
			}
		}
		members[1].end(&GoneError{Name: "member", Exit: &wire.Exit{Summary: "the second"}})
		if got := picked(t, p, n); count(got, 2) != n {
			t.Errorf("route %d: members 3 and 4 have ended: %v", route, got)
		}
		members[0].end(&GoneError{Name: "member", Exit: &wire.Exit{Summary: "the first"}})
		var gone *GoneError
		if _, err := p.Pick(background, 0); !errors.As(err, &gone) || gone.Exit.Summary != "the first" {
			t.Errorf("route %d: all have ended: %v", route, err)
		}
		s.pool(20, route)
		if _, err := p.Pick(background, 0); !errors.As(err, &gone) || gone.Name != "pool" || gone.Exit.Summary != "all said" {
			t.Errorf("route %d: it has no members: %v", route, err)
		}
	}
	s := newScript(t)
	var none *NoMembersError
	if _, err := s.pool(21, wire.RouteGroup).Pick(background, 0); !errors.As(err, &none) || none.Group != "pool" {
		t.Errorf("a group without members: %v", err)
	}
}

// TestPoolPicksTheLeastLoaded: the member of which the fewest messages from here are
// unread; those of which equally few are take turns, and one that nothing was sent to
// comes first.
func TestPoolPicksTheLeastLoaded(t *testing.T) {
	s := newScript(t)
	p := s.pool(20, wire.RouteLeastLoaded, 2, 3, 4)
	const n = 60
	for i, unread := range []int{3, 1, 1} {
		member := s.targetOf(p.Members()[i])
		for range unread {
			if err := mailbox.Send(member.box, wire.EntryTell, 0, 0, typeOf[note](t), &note{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := picked(t, p, n); count(got, 2) > 0 || count(got, 3) < n/4 || count(got, 4) < n/4 {
		t.Errorf("3, 1 and 1 are unread: %v", got)
	}
	s.pool(20, wire.RouteLeastLoaded, 2, 5, 3, 4)
	s.opening(5, func() (*Target, error) { return p.Pick(background, 0) })
	if got := picked(t, p, n); count(got, 5) != n {
		t.Errorf("nothing was sent to 5: %v", got)
	}
}

// TestPoolIsNoActor: a number that is an actor's does not become a pool's.
func TestPoolIsNoActor(t *testing.T) {
	s := newScript(t)
	target := s.targetOf(2)
	s.Say(&wire.Members{ID: 2, Route: wire.RouteRoundRobin, Name: "pool", Members: []uint32{3}})
	s.heard()
	if got := s.node.Known(2); got != target || got.Pool != nil {
		t.Errorf("%+v", got)
	}
}
