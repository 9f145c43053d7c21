package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/transport/wire"
)

// Route says which member of a pool gets a message. The sending process chooses the
// member, without asking another process.
type Route uint8

// The routes.
const (
	// RoundRobin chooses one member after another, in each sending process.
	RoundRobin = Route(wire.RouteRoundRobin)
	// LeastLoaded chooses the member that has the least left to handle of what this
	// process has sent to it; what other processes have sent is not visible. Members
	// with equal loads take turns.
	LeastLoaded = Route(wire.RouteLeastLoaded)
	// ByKey gives all messages of one key to one member, whoever sends them, by
	// rendezvous hashing. The messages must be actor.Keyed. A new member takes an
	// equal share of the keys from all others; when a member leaves, only its own
	// keys move.
	ByKey = Route(wire.RouteByKey)
	// Broadcast gives each message to every member. Such a pool can be told but not
	// asked.
	Broadcast = Route(wire.RouteBroadcast)
)

func (r Route) String() string {
	names := [...]string{RoundRobin: "round robin", LeastLoaded: "least loaded", ByKey: "by key", Broadcast: "broadcast"}
	if int(r) < len(names) && names[r] != "" {
		return names[r]
	}
	return fmt.Sprintf("route %d", uint8(r))
}

// MaxPool is the largest Pool.Size.
const MaxPool = 1024

// Pool says how many actors of one definition stand behind one Ref, and which of
// them gets a message. They are children with the names "1", "2" and so on of a
// supervisor of their own, whose strategy is OneForOne.
type Pool struct {
	Name  string // of that supervisor; "" means the definition's name
	Size  int    // members at the start
	Route Route  // 0 means RoundRobin

	// Member says how each member is started, restarted and stopped. Its Name, Actor,
	// Command, Supervisor and Significant must not be set.
	Member Child

	// Intensity and Period bound the restarts of all members together; see Spec. If
	// there are too many, the pool ends, and Restart decides whether it is started
	// again with all its members, which keep their mailboxes.
	Intensity int
	Period    time.Duration
	Restart   Restart // of the pool as a whole
}

// Validate lists every problem of p.
func (p Pool) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("supervisor: pool: "+format, args...))
	}
	if p.Size < 1 || p.Size > MaxPool {
		bad("Size %d: it must be between 1 and %d", p.Size, MaxPool)
	}
	if p.Route > Broadcast {
		bad("Route %d: it must be RoundRobin, LeastLoaded, ByKey or Broadcast", p.Route)
	}
	if m := p.Member; m.Name != "" || m.Actor != nil || m.Command != nil || m.Supervisor != nil || m.Significant {
		bad("Name, Actor, Command, Supervisor and Significant of Member must be empty: all members run the pool's actor, and their names are numbers")
	}
	return errors.Join(errs...)
}

// Child returns the pool as a child that can be listed in a Spec. Find then gives
// its Ref.
func (p Pool) Child(def actor.AnyDefinition) Child {
	if p.Name == "" && def != nil {
		p.Name = def.Name()
	}
	if p.Route == 0 {
		p.Route = RoundRobin
	}
	p.Member.Actor = def
	spec := &Spec{Intensity: p.Intensity, Period: p.Period, pool: &p}
	for i := range min(p.Size, MaxPool) {
		spec.Children = append(spec.Children, p.member(i+1))
	}
	return Child{Name: p.Name, Restart: p.Restart, Supervisor: spec}
}

// member is the child with that number.
func (p *Pool) member(n int) Child {
	c := p.Member
	c.Name = strconv.Itoa(n)
	return c
}

// StartPool starts a pool of actors as the last child of sup, and returns its Ref
// when all members are ready. Tell and Ask take it like any other Ref. It may travel
// in messages: every process chooses the members by itself.
//
// Each sender's messages to one member are handled in the order in which they were
// sent; with ByKey that holds for the messages of one key. A member that is being
// restarted stays a member: its messages wait in its mailbox. A member that has ended
// for good leaves the pool, and its unread messages become dead letters; when the last
// member has ended for good, so has the pool. Each member also has a Ref of its own; see
// actor.Members and actor.Pick. Terminate, Restart, Delete and Resize take the pool's
// ID.
func StartPool[P any](ctx context.Context, sup *Supervisor, def *actor.Definition[P], p Pool) (actor.Ref[P], error) {
	id, err := sup.start(ctx, p.Child(def))
	return actor.Ref[P]{ID: id}, err
}

// pool is the Pool that the child was made from, or nil if it is not a pool.
func (c Child) pool() *Pool {
	if c.Supervisor == nil {
		return nil
	}
	return c.Supervisor.pool
}

// route is how a pool routes, or 0 if the child is not a pool.
func (c *child) route() wire.Route {
	if p := c.spec.pool(); p != nil {
		return wire.Route(p.Route)
	}
	return 0
}

// pooled says whether a child is, or will become, a member of the pool above it.
func (c *child) pooled() bool {
	pool := c.branch.self
	return pool != nil && pool.route() != 0 && c.definition == pool.definition && c.isActor() && !c.retiring
}

// member says whether a child is a member of the pool above it, even if it is leaving.
// Other children can be started below a pool too.
func (c *child) member() bool { return c.retiring || c.pooled() }

// enterPool makes a ready child a member of its pool, if it belongs to one.
func (s *Supervisor) enterPool(c *child) {
	if s.keeper == nil || !c.pooled() { // without a keeper: the root does it
		return
	}
	if err := s.keeper.Enter(c.branch.self.id, c.id); err != nil {
		s.log.Error("actor cannot become a member of its pool", "child", c.name, "err", err)
	}
}
