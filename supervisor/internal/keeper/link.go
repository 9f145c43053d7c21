package keeper

import (
	"cmp"
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// link joins two incarnations, the smaller address first: there is at most one for a
// pair, whoever asked for it.
type link struct{ a, b wire.Addr }

func linkOf(x, y wire.Addr) link {
	if compare(x, y) > 0 {
		x, y = y, x
	}
	return link{x, y}
}

func compare(x, y wire.Addr) int {
	return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Incarnation, y.Incarnation))
}

// link makes or removes a link. A link with an actor that is dead, or never existed,
// ends at once.
func (k *Keeper) link(from wire.Addr, f *wire.Link) {
	c := k.children[f.ID]
	if f.Cancel == 1 {
		for l := range k.links {
			if l.a == from && l.b.ID == f.ID || l.b == from && l.a.ID == f.ID {
				delete(k.links, l)
			}
		}
		k.post(from, &wire.Ack{Token: f.Token})
		return
	}
	if !k.allowLink(from) {
		return
	}
	k.post(from, &wire.Ack{Token: f.Token})
	switch {
	case f.ID == from.ID: // as in OTP, a link with oneself does nothing
	case c == nil || c.alive == 0 || c.id == 0:
		k.exitTo(from, noProcess(f.ID, wire.ReasonNoProc, "no such actor is alive"))
	default:
		k.links[linkOf(from, wire.Addr{ID: c.id, Incarnation: c.alive})] = from
	}
}

// unlink removes the links of a dead incarnation, and returns its peers.
func (k *Keeper) unlink(dead wire.Addr) (peers []wire.Addr) {
	for l := range k.links {
		switch dead {
		case l.a:
			peers = append(peers, l.b)
		case l.b:
			peers = append(peers, l.a)
		default:
			continue
		}
		delete(k.links, l)
	}
	slices.SortFunc(peers, compare)
	return peers
}

// exitTo tells an actor that an actor linked with it has ended.
func (k *Keeper) exitTo(peer wire.Addr, exit *wire.Exit) {
	c := k.children[peer.ID]
	if c == nil || c.next.keepsExit(c, peer, exit) {
		return
	}
	switch post, traps := c.process(peer); {
	case post == nil: // it is dead
	case traps:
		post(&wire.Linked{Exit: *exit})
	case exit.Reason != wire.ReasonNormal && k.Linked != nil:
		k.Linked(peer, exit)
	}
}

// process returns how to post to a live incarnation, and whether it traps the ends of
// its links; nil if it is dead.
func (c *child) process(self wire.Addr) (post Post, traps bool) {
	switch {
	case self.Incarnation == 0:
	case self.Incarnation == c.alive:
		return c.post, c.traps
	case c.next.is(self.Incarnation):
		return c.next.post, c.next.traps
	}
	return nil, false
}
