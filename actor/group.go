package actor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// maxGroupName bounds the name of a group, with that of its protocol, in bytes.
const maxGroupName = 512

// Join makes this actor a member of a group of its protocol, as in Erlang's pg. self
// is the actor's own Ref, from Setup.Self. A Tell to the group reaches all its
// members; see Group. The membership ends with the actor's process, before any monitor
// gives notice of that end; the next incarnation joins again, in its Setup. Joining
// twice is the same as joining once.
func Join[P any](c *Context, self Ref[P], group string) error {
	name, err := groupName[P](group)
	if err != nil {
		return err
	}
	if err := itself(c, self, "Join", group); err != nil {
		return err
	}
	return c.host.node.Join(c, name)
}

// itself fails unless self is the actor of c.
func itself[P any](c *Context, self Ref[P], what, group string) error {
	if id := c.host.node.Self().ID; self.ID != id || id == 0 {
		return fmt.Errorf("actor: %s of group %q: number %d is not this actor, which is number %d: only an actor itself can join and leave, with Setup.Self", what, group, self.ID, id)
	}
	return nil
}

// Leave ends this actor's membership of a group. Other processes learn of it at about
// the time Leave returns; what they tell the group before that still reaches this actor.
func Leave[P any](c *Context, self Ref[P], group string) error {
	name, err := groupName[P](group)
	if err != nil {
		return err
	}
	if err := itself(c, self, "Leave", group); err != nil {
		return err
	}
	return c.host.node.Leave(c, name)
}

// Group returns the Ref of a group of actors of protocol P, the same Ref in every
// process. A group exists as soon as somebody names it, even without members. Tell
// sends to all members, and fails with a *NoMembersError if there are none; Ask is
// refused; Pick chooses one member after another; Members lists them. Groups of
// different protocols are different groups, even if they have the same name.
//
// A program has up to 1,024 groups. When a further one is named, a group without
// members is forgotten: from then on its Ref gives an *UnknownError, and Group returns
// a new Ref for its name. If all groups have members, Group fails.
func Group[P any](ctx context.Context, group string) (Ref[P], error) {
	h := hostOf(ctx)
	if h == nil {
		return Ref[P]{}, ErrNoProgram
	}
	name, err := groupName[P](group)
	if err != nil {
		return Ref[P]{}, err
	}
	p, err := h.node.Group(ctx, name)
	if err != nil {
		return Ref[P]{}, err
	}
	return Ref[P]{ID: p.ID}, nil
}

// groupName is the name under which the supervisor knows a group.
func groupName[P any](group string) (string, error) {
	if group == "" {
		return "", errors.New("actor: a group needs a name")
	}
	t := reflect.TypeFor[P]()
	name := group + " of " + t.PkgPath() + "." + t.Name()
	if len(name) > maxGroupName {
		return "", fmt.Errorf("actor: the name of group %.32q... has %d bytes with the name of its protocol, but at most %d are allowed: choose a shorter one", group, len(name), maxGroupName)
	}
	return name, nil
}
