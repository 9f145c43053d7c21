package keeper

import (
	"fmt"

	"github.com/understudy-go/understudy/transport/wire"
)

// child is one mailbox's owner.
type child struct {
	id      uint32
	alive   uint32 // the incarnation that runs, or 0
	name    string
	mailbox wire.Mailbox
	post    Post // to the incarnation that runs
	traps   bool // it traps the ends of its links
	gone    bool
	last    *wire.Exit
	drain   *drain                 // while it is about to end; or nil
	known   map[wire.Addr]struct{} // processes that were told its address, and may open a lane to it
	next    *successor             // the one that stands by; or nil
}

// Add makes a mailbox for a child.
func (k *Keeper) Add(id uint32, name string, mb wire.Mailbox) {
	k.children[id] = &child{id: id, name: name, mailbox: mb}
}

// Begin connects a new incarnation of a child: it is told who it is, and gets
// the lanes of its mailbox.
func (k *Keeper) Begin(self wire.Addr, definition string, post Post) {
	c := k.children[self.ID]
	c.alive, c.post, c.traps = self.Incarnation, post, false
	post(&wire.Begin{Version: wire.Version, Self: self, Name: c.name, Definition: definition, Mailbox: c.mailbox})
	for _, l := range k.to(self.ID) {
		k.deliver(l, c)
	}
}

// Back makes the mailbox of a child that was gone accept messages again: it is empty and
// has the same number. All processes are told.
func (k *Keeper) Back(id uint32) {
	c := k.children[id]
	if c == nil || !c.gone {
		return
	}
	c.gone = false
	for _, to := range k.children {
		if to.alive != 0 {
			to.post(&wire.Back{ID: id})
		}
		if to.next != nil {
			to.next.post(&wire.Back{ID: id})
		}
	}
}

// noProcess is the exit that stands for an actor that has no process.
func noProcess(id uint32, reason, why string) *wire.Exit {
	return &wire.Exit{Addr: wire.Addr{ID: id}, Kind: wire.ExitNoTarget, Code: -1, Reason: reason, Summary: why}
}

func (c *child) lastExit() *wire.Exit {
	if c.last != nil {
		return c.last
	}
	return noProcess(c.id, wire.ReasonNoProc, "it was never started")
}

func (k *Keeper) resolve(from wire.Addr, f *wire.Resolve) {
	t := &wire.Target{Token: f.Token, State: wire.TargetUnknown, ID: f.ID}
	if k.past.has(f.ID) {
		t.State, t.Name, t.Exit = wire.TargetGone, fmt.Sprint("number ", f.ID), *longGone(f.ID)
	}
	c := k.children[f.ID]
	p := k.pools[f.ID]
	if f.ID == 0 {
		c, p = k.named(f.Name)
	}
	if p != nil {
		k.introduce(from, f.Token, p)
		return
	}
	if c != nil && c.id != 0 {
		if k.crowded(from, f, c) {
			return
		}
		t.State, t.ID, t.Name, t.Mailbox = wire.TargetAlive, c.id, c.name, c.mailbox
		if c.gone {
			t.State = wire.TargetGone
			t.Exit = *c.lastExit()
		} else if c.drain != nil {
			t.State, t.Exit = wire.TargetGone, *leavingExit(c.id)
		} else {
			if c.known == nil {
				c.known = map[wire.Addr]struct{}{}
			}
			c.known[from] = struct{}{}
		}
	}
	k.post(from, t)
}

// The claims to a name. One that waits for its first start may be refused because the
// name is taken, and the name of one that has ended may be given to another.
const (
	claimEnded = iota
	claimWaits
	claimHas
)

// named finds who has a name: an actor or a pool, or nobody. Of those with equal claims it
// is the newest.
func (k *Keeper) named(name string) (*child, *pool) {
	var c *child
	for _, x := range k.children {
		if x.name == name && x.id != 0 && (c == nil || better(x.claim(), c.claim(), x.id, c.id)) {
			c = x
		}
	}
	var p *pool
	for _, x := range k.pools {
		if x.name == name && !x.group() && (p == nil || better(x.claim(), p.claim(), x.id, p.id)) {
			p = x
		}
	}
	if c != nil && p != nil {
		if better(c.claim(), p.claim(), c.id, p.id) {
			return c, nil
		}
		return nil, p
	}
	return c, p
}

// better says whether the number a, with its claim, comes before b.
func better(claimA, claimB int, a, b uint32) bool {
	return claimA > claimB || claimA == claimB && a > b
}

func (c *child) claim() int {
	switch {
	case c.gone:
		return claimEnded
	case c.alive == 0 && c.last == nil:
		return claimWaits
	}
	return claimHas
}

func (p *pool) claim() int {
	switch {
	case p.gone:
		return claimEnded
	case !p.begun:
		return claimWaits
	}
	return claimHas
}
