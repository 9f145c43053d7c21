package node

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport/wire"
)

// Pool is a number that stands for several actors. The sender's process decides here
// which of them gets a message, with a list that the supervisor keeps current.
//
//	Members ──► roster, swapped as a whole ──► Pick: a few loads, no lock of
//	                                           its own, nothing allocated
type Pool struct {
	ID    uint32
	Name  string
	Route wire.Route

	node   *Node
	roster atomic.Pointer[roster]
	turn   atomic.Uint64
}

// roster holds the members at one moment. It does not change.
type roster struct {
	ids   []uint32
	salts []uint64   // one per member, for ByKey
	exit  *wire.Exit // if there are no members: how the last one ended
}

// Group says whether it is a group, which members join and leave by themselves.
func (p *Pool) Group() bool { return p.Route == wire.RouteGroup }

// Members returns the members' numbers. The list must not be changed.
func (p *Pool) Members() []uint32 { return p.roster.Load().ids }

// NoMembersError says that a group has no members.
type NoMembersError struct{ Group string }

func (e *NoMembersError) Error() string { return fmt.Sprintf("group %q has no members now", e.Group) }

// Empty says why nothing can be sent to a pool without members.
func (p *Pool) Empty() error {
	if p.Group() {
		return &NoMembersError{p.Name}
	}
	if t := p.node.Known(p.ID); t != nil {
		if g := t.gone.Load(); g != nil {
			return g // the link is lost
		}
	}
	r := p.roster.Load()
	if r.exit != nil {
		return &GoneError{Name: p.Name, Exit: r.exit}
	}
	for _, id := range r.ids { // all have ended; the supervisor's list will follow
		if t := p.node.Known(id); t != nil {
			if err := t.WhyClosed(); err != nil {
				return err
			}
		}
	}
	return &GoneError{Name: p.Name, Exit: &wire.Exit{Kind: wire.ExitNoTarget, Code: -1, Reason: wire.ReasonNoProc, Summary: "it has no members"}}
}

// Pick chooses the member that the next message goes to. Only a pool that routes by key
// uses key. Members that are known to have ended are skipped.
func (p *Pool) Pick(ctx context.Context, key uint64) (*Target, error) {
	r := p.roster.Load()
	var i int
	switch p.Route {
	case wire.RouteByKey:
		i = p.byKey(r, key)
	case wire.RouteLeastLoaded:
		i = p.leastLoaded(r)
	default:
		i = p.nextOf(r)
	}
	if i < 0 {
		return nil, p.Empty()
	}
	return p.node.Target(ctx, r.ids[i])
}

// Member returns the target of one member.
func (p *Pool) Member(ctx context.Context, id uint32) (*Target, error) { return p.node.Target(ctx, id) }

// closedTo says whether this process knows that nothing can be sent to a member.
func (n *Node) closedTo(id uint32) bool {
	t := n.Known(id)
	return t != nil && (t.gone.Load() != nil || t.left.Load())
}

func (p *Pool) nextOf(r *roster) int {
	n := len(r.ids)
	if n == 0 {
		return -1
	}
	i := int(p.turn.Add(1) % uint64(n))
	for range n {
		if !p.node.closedTo(r.ids[i]) {
			return i
		}
		if i++; i == n {
			i = 0
		}
	}
	return -1
}

// leastLoaded looks at every member, starting with another one each time, so that
// members with equal loads take turns. One that this process has not sent to has no load.
func (p *Pool) leastLoaded(r *roster) int {
	n := len(r.ids)
	if n == 0 {
		return -1
	}
	best, least := -1, ^uint64(0)
	i := int(p.turn.Add(1) % uint64(n))
	for range n {
		t := p.node.Known(r.ids[i])
		switch {
		case t == nil:
			return i
		case t.gone.Load() == nil && !t.left.Load():
			if load := t.box.Load(); load == 0 {
				return i
			} else if load < least {
				best, least = i, load
			}
		}
		if i++; i == n {
			i = 0
		}
	}
	return best
}

// byKey is rendezvous hashing: each member has a weight for the key, and the heaviest
// gets it. If a member leaves, only its own keys move; a new one takes an equal share
// from all others.
func (p *Pool) byKey(r *roster, key uint64) int {
	best, most := -1, uint64(0)
	key = mix(key)
	for i, salt := range r.salts {
		if w := mix(key ^ salt); (best < 0 || w > most) && !p.node.closedTo(r.ids[i]) {
			best, most = i, w
		}
	}
	return best
}

// mix is the finalizer of splitmix64: every bit of x changes half of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// members installs the list of a number that the supervisor has sent.
func (n *Node) members(f *wire.Members) {
	r := &roster{ids: f.Members}
	if len(r.ids) == 0 {
		r.exit = &f.Exit
	}
	for _, id := range r.ids {
		r.salts = append(r.salts, mix(uint64(id)+0x9e3779b97f4a7c15))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.Known(f.ID)
	if t == nil {
		t = &Target{ID: f.ID, Name: f.Name, node: n, Pool: &Pool{ID: f.ID, Name: f.Name, Route: f.Route, node: n}}
		t.Pool.roster.Store(r)
		n.addTarget(t)
		return
	}
	if t.Pool == nil {
		n.cfg.Log.Error("frame from the supervisor refused: an actor became a pool", "number", f.ID)
		return
	}
	t.Pool.roster.Store(r)
}

// Group returns the pool for a group, which is made if it does not exist.
func (n *Node) Group(ctx context.Context, name string) (*Pool, error) {
	f, err := n.group(ctx, wire.GroupFind, name)
	if err != nil {
		return nil, err
	}
	t, err := n.open(f.(*wire.Target), f.(*wire.Target).ID)
	if err != nil {
		return nil, err
	}
	return t.Pool, nil
}

// Join makes this actor a member of a group.
func (n *Node) Join(ctx context.Context, name string) error {
	_, err := n.group(ctx, wire.GroupJoin, name)
	return err
}

// Leave undoes Join. It is not an error if this actor is not a member.
func (n *Node) Leave(ctx context.Context, name string) error {
	_, err := n.group(ctx, wire.GroupLeave, name)
	return err
}

func (n *Node) group(ctx context.Context, op uint8, name string) (wire.Frame, error) {
	f, err := n.call(ctx, nil, func(token uint64) wire.Frame { return &wire.Group{Token: token, Op: op, Name: name} })
	if err != nil {
		return nil, err
	}
	if t, ok := f.(*wire.Target); ok && t.State == wire.TargetRefused {
		return nil, fmt.Errorf("group %q: %s", name, t.Name)
	}
	return f, nil
}
