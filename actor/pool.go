package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/wire"
)

// Keyed is a message with a key: a method RouteKey() uint64. A pool whose route is
// supervisor.ByKey gives all messages of one key to one member. RouteKey must have a
// value receiver and must return the same number in every process; HashKey makes such a
// number from a string.
type Keyed = codec.Keyed

// HashKey makes a key for RouteKey from a string: its FNV-1a hash, the same in every
// process.
func HashKey(s string) uint64 { return codec.HashKey(s) }

// RouteError says that a pool or a group cannot do what was wanted, mostly because
// it is not a single actor.
type RouteError struct {
	Pool    string // name of the pool or group
	Problem string
	Remedy  string
}

func (e *RouteError) Error() string {
	return fmt.Sprintf("actor: %q is several actors: %s: %s", e.Pool, e.Problem, e.Remedy)
}

// MemberError says which of several actors did not get a message, and why: a member
// of a pool that broadcasts, or one of TellAll.
type MemberError struct {
	ID   uint32 // its Ref's
	Name string
	Err  error
}

func (e *MemberError) Error() string { return fmt.Sprintf("member %s: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *MemberError) Unwrap() error { return e.Err }

// NoMembersError says that a group has no members at the moment. Its field Group is the
// name of the group followed by that of its protocol: "choir of main.Singer".
type NoMembersError = node.NoMembersError

// UnknownError says that no actor of this program has the number of a Ref, in the field
// ID: the Ref is the zero Ref, comes from another program, or is that of a forgotten
// group; see Group. From Lookup it says that no child has the name in the field Name;
// the ID is then 0.
type UnknownError = node.UnknownError

// Members lists the actors that ref stands for, as this process knows them now: the
// members of a pool or a group, some of which may be restarting, or ref itself if it
// is a single actor. For an empty group, or a pool that has ended, the list is empty
// and there is no error.
func Members[P any](ctx context.Context, ref Ref[P]) ([]Ref[P], error) {
	t, err := target(ctx, ref.ID)
	if err != nil {
		return nil, public(err)
	}
	if t.Pool == nil {
		return []Ref[P]{ref}, nil
	}
	var all []Ref[P]
	for _, id := range t.Pool.Members() {
		all = append(all, Ref[P]{ID: id})
	}
	return all, nil
}

// Pick chooses the member of a pool that the next message would go to, and returns
// its Ref, so that several things can be done with the same member: Lend, and then
// Ask. Only a pool with the route supervisor.ByKey uses key. For a group, and for a pool
// that broadcasts, Pick returns one member after another. If ref is a single actor,
// Pick returns ref.
func Pick[P any](ctx context.Context, ref Ref[P], key uint64) (Ref[P], error) {
	t, err := target(ctx, ref.ID)
	if err == nil && t.Pool != nil {
		t, err = t.Pool.Pick(ctx, key)
	}
	if err != nil {
		return Ref[P]{}, public(err)
	}
	return Ref[P]{ID: t.ID}, nil
}

// tellPool is Tell of what m, a pointer, points to, for a pool. If the chosen member
// turns out to have ended for good, another one gets the message.
func tellPool(ctx context.Context, p *node.Pool, m any) error {
	mt, err := codec.OfPointer(m)
	if err != nil {
		return err
	}
	if p.Route >= wire.RouteBroadcast {
		return tellAll(ctx, p, mt, m)
	}
	key, err := keyOf(p, mt, m)
	if err != nil {
		return err
	}
	for range 1 + len(p.Members()) {
		var t *node.Target
		if t, err = p.Pick(ctx, key); err != nil {
			break
		}
		var box *mailbox.Outbox
		if box, err = t.Outbox(); err == nil {
			if err = mailbox.Send(box, wire.EntryTell, 0, 0, mt, m); err != nil {
				err = sendSlowly(ctx, t, box, wire.EntryTell, 0, 0, mt, m, err)
			}
		}
		if !hasEnded(err) {
			break
		}
	}
	return public(err)
}

// hasEnded says whether a send failed because its receiver has ended for good.
func hasEnded(err error) bool {
	if err == nil {
		return false // what follows allocates
	}
	var inner *node.GoneError
	var outer *GoneError
	return errors.As(err, &inner) && inner.Lost == nil || errors.As(err, &outer)
}

// keyOf is the key of what m, a pointer, points to, if p needs one.
func keyOf(p *node.Pool, mt *codec.Type, m any) (uint64, error) {
	if p.Route != wire.RouteByKey {
		return 0, nil
	}
	if key, ok := codec.KeyOf(mt, m); ok {
		return key, nil
	}
	return 0, &RouteError{Pool: p.Name, Problem: mt.Name() + " has no key, and the pool routes by key",
		Remedy: "give the type a method RouteKey() uint64 with a value receiver"}
}

// tellAll tells every member: first those that have room, then the others, one
// after another, by the policy of their mailbox.
func tellAll(ctx context.Context, p *node.Pool, mt *codec.Type, m any) error {
	ids := p.Members()
	c := casting{of: len(ids)}
	var full []*node.Target
	got := 0
	for _, id := range ids {
		t, err := p.Member(ctx, id)
		var box *mailbox.Outbox
		if err == nil {
			box, err = t.Outbox()
		}
		if err == nil && got == 0 && !mailbox.Inline(box, mt, m) {
			return castAll(ctx, p, mt, mt.Copy(m))
		}
		if err == nil {
			err = mailbox.Send(box, wire.EntryTell, 0, 0, mt, m)
		}
		switch {
		case err == nil:
			got++
		case t != nil && errors.Is(err, mailbox.ErrFull):
			full = append(full, t)
		case hasEnded(err): // no longer a member
		case t == nil:
			c.fail(id, "", err)
		default:
			c.fail(id, t.Name, err)
		}
	}
	for _, t := range full {
		box, err := t.Outbox()
		if err == nil {
			err = sendSlowly(ctx, t, box, wire.EntryTell, 0, 0, mt, m, mailbox.ErrFull)
		}
		if err == nil {
			got++
		} else if !hasEnded(err) {
			c.fail(t.ID, t.Name, err)
		}
	}
	if got == 0 && len(c.failed) == 0 {
		return public(p.Empty())
	}
	return c.err()
}

// castAll is tellAll of a large message, which is not copied for each member.
func castAll(ctx context.Context, p *node.Pool, mt *codec.Type, m any) error {
	c := &casting{host: hostOf(ctx)}
	c.join(ctx, p)
	c.distinct()
	err := c.tell(ctx, mt, m)
	if len(c.targets)+len(c.failed) == 0 {
		return public(p.Empty())
	}
	if len(c.failed) == 0 {
		return err
	}
	none := len(c.failed) == c.of
	c.failed = slices.DeleteFunc(c.failed, func(e *MemberError) bool { return hasEnded(e) }) // no members any more
	if none && len(c.failed) == 0 {
		return public(p.Empty())
	}
	return c.err()
}

// askPool is Ask for a pool: the chosen member is asked like any actor. If it ends for
// good before it has got the ask, another one is asked.
func askPool[P, R any, M AskedOf[P, R]](ctx context.Context, p *node.Pool, m M) (r R, err error) {
	mt, err := codec.Of[M]()
	if err != nil {
		return r, err
	}
	if p.Route >= wire.RouteBroadcast {
		return r, &RouteError{Pool: p.Name, Problem: "an ask has one answer, and the pool gives each message to all members",
			Remedy: "ask the member that Pick chooses, or each of Members"}
	}
	key, err := keyOf(p, mt, &m)
	if err != nil {
		return r, err
	}
	for range 1 + len(p.Members()) {
		var t *node.Target
		if t, err = p.Pick(ctx, key); err != nil {
			return r, public(err)
		}
		var sent bool
		r, sent, err = askTarget[P, R](ctx, t, mt, &m)
		if sent || !hasEnded(err) {
			break
		}
	}
	return r, public(err)
}

// needsOne refuses a pool or a group where a single actor is needed.
func needsOne(t *node.Target, what string) error {
	if t.Pool == nil {
		return nil
	}
	return &RouteError{Pool: t.Pool.Name, Problem: what + " needs a single actor", Remedy: "choose a member with Pick first"}
}
