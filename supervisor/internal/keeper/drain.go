package keeper

import "github.com/understudy-go/understudy/transport/wire"

// drain is the wait for the senders of an actor that is about to end: each is asked to
// close its lane, so that the tails are final and the actor knows when it has handled
// everything.
type drain struct {
	open map[wire.Addr]struct{} // senders that have not closed their lanes
	done func()                 // nil once called
}

// Drain asks all senders to a child to stop, and calls done when all have, or at once if
// there are none. Processes that ask for the child from now on learn that it is gone.
func (k *Keeper) Drain(id uint32, done func()) {
	c := k.children[id]
	if c == nil || c.gone || c.drain != nil {
		return
	}
	c.drain = &drain{open: map[wire.Addr]struct{}{}, done: done}
	for _, l := range k.to(id) {
		if !l.retired {
			k.askToClose(c, l.from)
		}
	}
	for from := range c.known { // a lane with messages may be on its way here
		k.askToClose(c, from)
	}
	c.drain.check()
}

func (k *Keeper) askToClose(c *child, from wire.Addr) {
	c.drain.open[from] = struct{}{}
	k.post(from, &wire.Leaving{ID: c.id})
}

// hasClosed records that a sender has closed its lane to c, or is dead.
func (c *child) hasClosed(from wire.Addr) {
	if c.drain != nil {
		delete(c.drain.open, from)
		c.drain.check()
	}
}

func (d *drain) check() {
	if len(d.open) == 0 && d.done != nil {
		done := d.done
		d.done = nil
		done()
	}
}

// leavingExit is the exit that is told to processes that want to send to an actor that
// is about to end.
func leavingExit(id uint32) *wire.Exit {
	return noProcess(id, wire.ReasonShutdown, wire.LeavingText)
}
