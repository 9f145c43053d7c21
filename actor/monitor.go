package actor

import (
	"context"

	"github.com/understudy-go/understudy/transport/wire"
)

// Monitor asks for one notice of the end of the incarnation of ref that is alive
// now. If ref is being restarted or has ended for good, the notice of its last end
// comes at once. Any number of monitors may watch an actor: each gives exactly one
// notice, after the last message from the actor that ended. A replacement (Replace of
// package supervisor) is not an end: the monitor then watches the successor.
//
// Monitor waits until the supervisor has placed the monitor, or ctx ends. The notice
// comes through the channel, which has room for it and is never closed. If no actor has
// ref's number, the notice comes at once, with ReasonNoProc; for the zero Ref the error
// is an *UnknownError. cancel removes the monitor: no notice comes after it, except one
// that is already in the channel. It may be called more than once. In an actor, use
// Context.Monitor and Setup.OnDown instead.
func Monitor[P any](ctx context.Context, ref Ref[P]) (notice <-chan Down, cancel func(), err error) {
	if ref.ID == 0 {
		return nil, nil, &UnknownError{}
	}
	return watch(ctx, ref.ID, false)
}

// watch is Monitor; with process it watches one process only, not its successors.
func watch(ctx context.Context, id uint32, process bool) (notice <-chan Down, cancel func(), err error) {
	h := hostOf(ctx)
	if h == nil {
		return nil, nil, ErrNoProgram
	}
	ch := make(chan Down, 1)
	cancel, err = h.node.Monitor(ctx, id, func(w wire.Exit) { ch <- downOf(w) }, process)
	if err != nil {
		return nil, nil, err
	}
	return ch, cancel, nil
}

// Monitor is like the function Monitor, but the notice goes to the handler registered
// with Setup.OnDown; without a handler it is dropped. Once a handler has called cancel,
// no notice comes. id is the field ID of a Ref.
func (c *Context) Monitor(id uint32) (cancel func(), err error) {
	if id == 0 {
		return nil, &UnknownError{}
	}
	return c.host.node.Monitor(c, id, nil, false)
}

// down passes the node's notices to the actor; nil if the actor has no handler.
func (r *running) down() func(wire.Exit) {
	if r.onDown == nil {
		return nil
	}
	return func(w wire.Exit) { r.onDown(r.ctx, downOf(w)) }
}
