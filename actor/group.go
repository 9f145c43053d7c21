package actor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// maxGroupName bounds the name of a group, with that of its protocol, in bytes.
const maxGroupName = 512

// Join makes this actor a member of a group of its protocol: Erlang's pg. self
// is the actor's own Ref, Setup.Self. Who tells the group something tells all
// its members; see Group. A membership is the incarnation's: it ends with it,
// before any notice of its death arrives, and a successor joins again, in its
// Setup. Joining twice is joining once.
func Join[P any](c *Context, self Ref[P], group string) error {
	name, err := groupName[P](group)
	if err != nil {
		return err
	}
	if id := c.host.node.Self().ID; self.ID != id || id == 0 {
		return fmt.Errorf("actor: Join of group %q: number %d is not this actor, which is %d: an actor joins by itself, with Setup.Self", group, self.ID, id)
	}
	return c.host.node.Join(c, name)
}

// Leave ends this actor's membership of a group. When it returns, a Tell to the
// group that begins later, in a process that has heard of it, does not reach
// this actor; what others have told it before comes all the same.
func Leave[P any](c *Context, self Ref[P], group string) error {
	name, err := groupName[P](group)
	if err != nil {
		return err
	}
	return c.host.node.Leave(c, name)
}

// Group is the Ref of a group of actors of protocol P. It exists as soon as
// somebody names it, with members or without, and is one whatever process
// names it. Tell tells all members, and fails with a *NoMembersError when there
// are none; Pick chooses one after another; Members lists them. Groups of
// different protocols are different groups, even by the same name.
//
// A program has up to 1,024 groups. When one more is named, one that has no members
// is forgotten: its Ref is an *UnknownError then, and who names it again gets
// another one. If all have members, that is an error.
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

// groupName is how the supervisor knows a group.
func groupName[P any](group string) (string, error) {
	if group == "" {
		return "", errors.New("actor: a group needs a name")
	}
	t := reflect.TypeFor[P]()
	name := group + " of " + t.PkgPath() + "." + t.Name()
	if len(name) > maxGroupName {
		return "", fmt.Errorf("actor: the name of group %.32q... has, with that of its protocol, %d bytes; at most %d are allowed: choose a shorter one", group, len(name), maxGroupName)
	}
	return name, nil
}
