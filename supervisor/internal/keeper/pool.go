package keeper

import (
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// MaxGroups bounds the groups of a program. A group exists from when a process first
// names it. If there are too many, one without members makes room for the next.
const MaxGroups = 1024

// pool is a number that stands for several actors. The sending process chooses among
// them; the keeper tells it who they are.
//
//	pool    its members are children, in all their incarnations
//	group   its members are incarnations, which join and leave
type pool struct {
	id      uint32
	name    string
	route   wire.Route
	members []wire.Addr            // in a pool, without Incarnation
	coming  []wire.Addr            // successors that stand by and will become members
	told    map[wire.Addr]struct{} // processes that use the number, and are told its members
	exit    *wire.Exit             // of the member that left last, if it has ended
	empty   uint64                 // of a group without members: larger if it became empty later
	begun   bool                   // of a pool: it was started at least once
	gone    bool                   // of a pool: it has ended, and was not started again
}

func (p *pool) group() bool { return p.route == wire.RouteGroup }

// AddPool makes a number for a pool without members.
func (k *Keeper) AddPool(id uint32, name string, route wire.Route) {
	k.pools[id] = &pool{id: id, name: name, route: route, told: map[wire.Addr]struct{}{}}
	k.emptied(k.pools[id])
}

func (k *Keeper) emptied(p *pool) {
	k.emptyings++
	p.empty = k.emptyings
}

// BeginPool says that a pool is being started.
func (k *Keeper) BeginPool(id uint32) {
	if p := k.pools[id]; p != nil {
		p.begun, p.gone = true, false
	}
}

// Enter makes a child a member of a pool, unless it already is one.
func (k *Keeper) Enter(id, child uint32) error {
	p := k.pools[id]
	if p == nil || k.children[child] == nil || k.children[child].gone {
		return fmt.Errorf("keeper: no pool %d or no child %d", id, child)
	}
	return k.enter(p, wire.Addr{ID: child})
}

func (k *Keeper) enter(p *pool, a wire.Addr) error {
	if slices.Contains(p.members, a) {
		return nil
	}
	if len(p.members) >= wire.MaxMembers {
		return fmt.Errorf("%s already has %d members, and more are not allowed", p.name, wire.MaxMembers)
	}
	p.members = append(p.members, a)
	k.tellAll(p)
	return nil
}

// Leave ends a child's membership of a pool: senders do not choose it any more.
func (k *Keeper) Leave(id, child uint32) {
	if p := k.pools[id]; p != nil {
		k.leave(p, wire.Addr{ID: child}, nil)
	}
}

// expect records that a successor will become a member when it takes over.
func (p *pool) expect(a wire.Addr) {
	if !slices.Contains(p.coming, a) {
		p.coming = append(p.coming, a)
	}
}

// expectNot undoes expect, and says whether there was anything to undo.
func (p *pool) expectNot(a wire.Addr) bool {
	n := len(p.coming)
	p.coming = slices.DeleteFunc(p.coming, func(b wire.Addr) bool { return b == a })
	return len(p.coming) < n
}

func (k *Keeper) leave(p *pool, a wire.Addr, exit *wire.Exit) {
	i := slices.Index(p.members, a)
	if i < 0 {
		return
	}
	p.members = slices.Delete(p.members, i, i+1)
	if exit != nil {
		p.exit = exit
	}
	k.tellAll(p)
	if len(p.members) == 0 {
		k.emptied(p)
		if !p.group() {
			k.notify(p.id, p.last())
		}
	}
}

// leaveAll ends every membership of a child that has ended for good, or of an
// incarnation that is dead.
func (k *Keeper) leaveAll(a wire.Addr, exit *wire.Exit) {
	for _, id := range slices.Sorted(maps.Keys(k.pools)) {
		k.leave(k.pools[id], a, exit)
	}
}

func (p *pool) last() *wire.Exit {
	if p.exit != nil {
		return p.exit
	}
	return noProcess(p.id, wire.ReasonNoProc, "it has no members")
}

// frame is the list of a pool's members, for a process that sends to it.
func (p *pool) frame() *wire.Members {
	f := &wire.Members{ID: p.id, Route: p.route, Name: p.name}
	for _, m := range p.members {
		f.Members = append(f.Members, m.ID)
	}
	if len(p.members) == 0 {
		f.Exit = *p.last()
	}
	return f
}

// tellAll sends the members of p to all processes that use it.
func (k *Keeper) tellAll(p *pool) {
	for _, to := range slices.SortedFunc(maps.Keys(p.told), compare) {
		k.post(to, p.frame())
	}
}

// introduce answers a process that has asked for p, which will be told of changes from
// now on.
func (k *Keeper) introduce(from wire.Addr, token uint64, p *pool) {
	p.told[from] = struct{}{}
	k.post(from, p.frame())
	k.post(from, &wire.Target{Token: token, State: wire.TargetPool, ID: p.id, Name: p.name})
}

// group handles a request about a group.
func (k *Keeper) group(from wire.Addr, f *wire.Group) {
	p := k.groups[f.Name]
	if p == nil && f.Op != wire.GroupLeave {
		if len(k.groups) >= MaxGroups && !k.forgetGroup() {
			k.refuse(from, f, fmt.Sprintf("%d groups have members, and more are not allowed: leave one", MaxGroups))
			return
		}
		id := k.Number()
		k.AddPool(id, f.Name, wire.RouteGroup)
		p = k.pools[id]
		k.groups[f.Name] = p
	}
	switch f.Op {
	case wire.GroupFind:
		k.introduce(from, f.Token, p)
		return
	case wire.GroupJoin:
		if c := k.children[from.ID]; c.next.is(from.Incarnation) { // its predecessor is the member
			p.expect(from)
			break
		}
		if err := k.enter(p, from); err != nil {
			k.refuse(from, f, err.Error())
			return
		}
	case wire.GroupLeave:
		if p == nil {
			break
		}
		p.expectNot(from)
		k.leave(p, from, nil)
	}
	k.post(from, &wire.Ack{Token: f.Token})
}

// forgetGroup makes room for a group by forgetting one without members: first those
// whose Ref no running process uses, and of these the one that has been empty longest.
// It returns false if there is none. Processes that use the Ref have to ask for it
// again, and then learn that nobody knows it.
func (k *Keeper) forgetGroup() bool {
	var found *pool
	for _, p := range k.groups {
		if len(p.members)+len(p.coming) > 0 {
			continue
		}
		if found == nil || (len(p.told) == 0) != (len(found.told) == 0) && len(p.told) == 0 ||
			(len(p.told) == 0) == (len(found.told) == 0) && p.empty < found.empty {
			found = p
		}
	}
	if found == nil {
		return false
	}
	delete(k.groups, found.name)
	delete(k.pools, found.id)
	for _, to := range slices.SortedFunc(maps.Keys(found.told), compare) {
		k.post(to, &wire.Back{ID: found.id})
	}
	return true
}

func (k *Keeper) refuse(from wire.Addr, f *wire.Group, why string) {
	k.post(from, &wire.Target{Token: f.Token, State: wire.TargetRefused, Name: why})
}
