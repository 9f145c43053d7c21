package keeper

import (
	"slices"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport/wire"
)

// successor is an incarnation that stands by beside the one that runs. It can send and
// ask, but gets no lane of the mailbox.
type successor struct {
	incarnation uint32
	post        Post
	traps       bool
	holding     bool         // its predecessor has been asked to hand over
	exits       []*wire.Exit // ends of linked actors that are held back
}

// StandBy connects the successor of a running incarnation.
func (k *Keeper) StandBy(self wire.Addr, definition string, post Post) {
	c := k.children[self.ID]
	c.next = &successor{incarnation: self.Incarnation, post: post}
	post(&wire.Begin{Version: wire.Version, Self: self, Name: c.name, Definition: definition, Mailbox: c.mailbox})
	post(&wire.Handover{Successor: self.Incarnation, Step: wire.StepStandBy})
}

// HandOver begins to hold back what must not be lost between two incarnations: the ends
// of linked actors. TakeOver or Resume releases them.
func (k *Keeper) HandOver(id uint32) {
	if n := k.children[id].next; n != nil {
		n.holding = true
	}
}

// Resume says that the incarnation that runs goes on, although its successor may not
// have ended yet.
func (k *Keeper) Resume(id uint32) {
	c := k.children[id]
	n := c.next
	if n == nil {
		return
	}
	exits := n.exits
	n.holding, n.exits = false, nil
	k.release(c, exits)
}

func (k *Keeper) release(c *child, exits []*wire.Exit) {
	for _, x := range exits {
		k.exitTo(wire.Addr{ID: c.id, Incarnation: c.alive}, x)
	}
}

// is says whether n, which may be nil, is that incarnation.
func (n *successor) is(incarnation uint32) bool { return n != nil && n.incarnation == incarnation }

// keepsExit holds back the end of a linked actor if peer, which would be told, may be
// about to be replaced.
func (n *successor) keepsExit(c *child, peer wire.Addr, exit *wire.Exit) bool {
	if n == nil || !n.holding || peer.Incarnation != c.alive {
		return false
	}
	n.exits = append(n.exits, exit)
	return true
}

// TakeOver gives the mailbox to the successor: its predecessor has ended, between two
// messages. For everybody else the actor goes on: its monitors and links now belong to
// the successor. Monitors that the predecessor itself has placed are gone.
func (k *Keeper) TakeOver(exit *wire.Exit) {
	c := k.children[exit.Addr.ID]
	n := c.next
	self := wire.Addr{ID: c.id, Incarnation: n.incarnation}
	c.alive, c.post, c.traps, c.last, c.next = n.incarnation, n.post, n.traps, exit, nil
	k.settle(c, exit, tree.Asked)
	k.monitors = slices.DeleteFunc(k.monitors, func(w watcher) bool {
		ends := w.id == c.id && w.process
		if ends {
			k.post(w.by, &wire.Down{Token: w.token, Exit: *exit})
		}
		return ends || w.by == exit.Addr
	})
	k.inherit(exit.Addr, self)
	for _, peer := range k.unlink(exit.Addr) {
		k.links[linkOf(self, peer)] = self
	}
	for _, l := range k.to(c.id) {
		k.deliver(l, c)
	}
	k.acquit(exit.Addr)
	c.post(&wire.Handover{Successor: n.incarnation, Step: wire.StepTakeOver})
	k.release(c, n.exits)
}

// SuccessorDied records the death of a successor that has not taken over. It was not the
// actor yet, so that linked actors learn nothing.
func (k *Keeper) SuccessorDied(self wire.Addr) {
	c := k.children[self.ID]
	if c == nil || !c.next.is(self.Incarnation) {
		return
	}
	k.Resume(self.ID)
	c.next = nil
	if l := k.lanes[laneKey{self, self.ID}]; l != nil { // nobody will ever read it
		l.ending = noProcess(self.ID, wire.ReasonError, "its sender was to replace the actor's process, and has ended before that")
		k.bury(l)
	}
	k.retire(self)
	for _, p := range k.pools {
		delete(p.told, self)
		p.expectNot(self)
	}
	k.monitors = slices.DeleteFunc(k.monitors, func(w watcher) bool { return w.by == self })
	k.unlink(self)
	k.acquit(self)
}

// reader is the child that reads a lane now, or nil. What a successor sends to itself
// waits until it has taken over. Nobody reads a lane whose receiver has ended for good,
// even if the receiver is back and the sender has not closed the lane yet.
func (k *Keeper) reader(l *held) *child {
	c := k.children[l.to]
	if c.alive == 0 || l.ending != nil || l.from.ID == l.to && l.from.Incarnation > c.alive {
		return nil
	}
	return c
}

// trap records that a process traps the ends of its links.
func (k *Keeper) trap(from wire.Addr) {
	if c := k.children[from.ID]; c.next.is(from.Incarnation) {
		c.next.traps = true
	} else if c.alive == from.Incarnation {
		c.traps = true
	}
}

// inherit makes a successor a member of its predecessor's groups, and of those that it
// has joined itself while it stood by.
func (k *Keeper) inherit(before, now wire.Addr) {
	for _, p := range k.pools {
		delete(p.told, before)
		if i := slices.Index(p.members, before); i >= 0 {
			p.members[i] = now
		}
		if !p.expectNot(now) {
			continue
		}
		if err := k.enter(p, now); err != nil {
			k.Log.Error("successor cannot join a group", "actor", k.children[now.ID].name, "err", err)
		}
	}
}
