package node

import (
	"context"
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// Trap makes the ends of linked actors calls of onExit, instead of the end of this one.
// It is called before Ready.
func (n *Node) Trap(onExit func(wire.Exit)) error {
	n.mu.Lock()
	n.onExit = onExit
	n.mu.Unlock()
	return n.send(&wire.Trap{})
}

// Link links this actor with the incarnation of id that is alive now. The link exists
// when Link returns.
func (n *Node) Link(ctx context.Context, id uint32) error {
	_, err := n.call(ctx, nil, func(token uint64) wire.Frame { return &wire.Link{Token: token, ID: id} })
	return err
}

// Unlink removes the link. No notice of the other's end comes after it.
func (n *Node) Unlink(ctx context.Context, id uint32) error {
	_, err := n.call(ctx, nil, func(token uint64) wire.Frame { return &wire.Link{Token: token, ID: id, Cancel: 1} })
	n.mu.Lock()
	defer n.mu.Unlock()
	of := func(d down) bool { return d.m == nil && d.exit.Addr.ID == id }
	n.downs, n.due = slices.DeleteFunc(n.downs, of), slices.DeleteFunc(n.due, of)
	return err
}

// linked takes the notice of the end of a linked actor.
func (n *Node) linked(f *wire.Linked) {
	n.mu.Lock()
	traps := n.onExit != nil
	if traps {
		n.downs = append(n.downs, down{nil, f.Exit})
	}
	n.mu.Unlock()
	if traps {
		n.kick()
	}
}
