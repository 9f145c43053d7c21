package actor

import (
	"context"
	"errors"
	"sync"

	"github.com/understudy-go/understudy/transport/wire"
)

type exitOnWire = wire.Exit

var errNotAsk = errors.New("actor: Context.Lend serves the answer of an ask, and the message in hand is none; use Lend with the receiver's Ref")

// Monitor asks for one notice of the end of the incarnation of ref that is alive
// now. If ref is being restarted, or has ended for good, the notice of its last end
// comes at once. Any number of monitors may watch an actor: each gives exactly one
// notice, after the last message of the actor that ended. A replacement
// (Replace of package supervisor) is no end: the monitor goes on with the successor.
//
// The notice comes through the channel, which has room for it and is never closed.
// cancel takes the monitor back: no notice comes after it, except one that is
// already in the channel. It may be called more than once. In an actor, use
// Context.Monitor and Setup.OnDown instead.
func Monitor[P any](ctx context.Context, ref Ref[P]) (notice <-chan Down, cancel func(), err error) {
	return watch(ctx, ref.ID, false)
}

// watch is Monitor, also of one process only.
func watch(ctx context.Context, id uint32, process bool) (notice <-chan Down, cancel func(), err error) {
	h := hostOf(ctx)
	if h == nil {
		return nil, nil, ErrNoProgram
	}
	exits, stop, err := h.node.Monitor(ctx, id, false, process)
	if err != nil {
		return nil, nil, err
	}
	ch := make(chan Down, 1)
	quit := make(chan struct{})
	go func() {
		select {
		case e := <-exits:
			ch <- downOf(e)
		case <-quit:
		case <-h.node.Ended():
		}
	}()
	return ch, sync.OnceFunc(func() {
		stop()
		close(quit)
	}), nil
}

// Monitor is like the function Monitor, but the notice goes to the handler that
// Setup.OnDown has registered. id is the field ID of a Ref.
func (c *Context) Monitor(id uint32) (cancel func(), err error) {
	_, cancel, err = c.host.node.Monitor(c, id, true, false)
	return cancel, err
}

// down is how the node hands notices to the actor; nil when it has no handler.
func (r *running) down() func(exitOnWire) {
	if r.onDown == nil {
		return nil
	}
	return func(w exitOnWire) { r.onDown(r.ctx, downOf(w)) }
}
