package keeper

import (
	"cmp"
	"slices"

	"github.com/understudy-go/understudy/supervisor/internal/tree"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/lane"
	"github.com/understudy-go/understudy/transport/ring"
	"github.com/understudy-go/understudy/transport/wire"
)

type laneKey struct {
	from wire.Addr
	to   uint32
}

// held is what is kept of one lane.
type held struct {
	laneKey
	name     string // of the sender
	open     wire.Open
	files    []*Handle // as they came with open
	segments []kept    // the sender's blocks
	replies  []kept    // blocks of the receiver's replies that nobody else keeps

	answering map[uint16]struct{} // ids of the segments of replies that the running receiver has not taken back
	exit      *Handle             // of the passage of its files, or nil

	page     *Handle         // the receive page published last
	pageOf   uint32          // the incarnation of the receiver that has published it
	at       transport.Place // where the next incarnation begins
	attempt  uint8           // deaths with the message at that place in hand
	told     told            // of a dead letter of one of its messages, last
	charge   tree.Charge
	chargeAt uint64     // the sequence that charge belongs to
	retired  bool       // the sender is dead
	broken   uint32     // the incarnation of the receiver that has closed the lane because its sender broke the rules; or 0
	ending   *wire.Exit // of the receiver, if it is gone for good
}

// told says which message an incarnation of a lane's receiver has reported as a dead
// letter, and so dealt with.
type told struct {
	by  uint32
	seq uint64
}

// to returns the lanes to a child, those of a sender's earlier incarnations first.
func (k *Keeper) to(id uint32) []*held {
	return k.sorted(func(l *held) bool { return l.to == id && l.ending == nil })
}

// sorted returns the matching lanes by sender, each sender's earlier incarnations first.
func (k *Keeper) sorted(match func(*held) bool) (out []*held) {
	for _, l := range k.lanes {
		if match(l) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *held) int {
		return cmp.Or(compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	return out
}

func (k *Keeper) open(from wire.Addr, f *wire.Open, hs []*Handle) {
	c := k.children[f.To]
	key := laneKey{from, f.To}
	if c == nil || k.lanes[key] != nil || !c.takes(f) {
		k.Log.Error("lane refused: no such target, opened twice, or not the queue of that mailbox", "from", from, "to", f.To, "queue", f.Queue, "cells", f.Cells)
		ReleaseAll(hs)
		return
	}
	l := &held{laneKey: key, name: k.children[from.ID].name, open: *f, files: hs}
	k.lanes[key] = l
	delete(c.known, from)
	if c.gone {
		k.end(l, c.lastExit()) // there may already be messages in it
		return
	}
	if c := k.reader(l); c != nil {
		k.deliver(l, c)
	}
}

// takes says whether a lane has the queue that its sender was told to make. The form of
// a mailbox never changes while its owner is known. A larger ring could hold more
// messages than the keeper, which turns them into dead letters, allows for. A supervisor
// in a process of its own says what the mailboxes of its children are like, so the size
// of a ring may be none.
func (c *child) takes(f *wire.Open) bool {
	switch {
	case f.Queue != c.mailbox.Queue:
		return false
	case f.Queue != wire.QueueRing:
		return f.Cells == 0
	}
	return f.Cells == c.mailbox.RingBytes && ring.Check(int(f.Cells)) == nil
}

// removeLast makes the last owner of a lane's queue remove the queue, if that would
// outlive its descriptors.
func (k *Keeper) removeLast(f *wire.Open, hs []*Handle) {
	form, err := lane.FormOf(f.Queue)
	if err != nil || f.Queue == wire.QueueRing {
		return
	}
	hs[1].last = func(file transport.File) {
		if err := form.Remove(file); err != nil {
			k.Log.Warn("a queue could not be removed; it is swept later", "form", form.Name, "err", err)
		}
	}
}

// deliver gives a lane to the running incarnation of its receiver.
func (k *Keeper) deliver(l *held, c *child) {
	files := make([]*Handle, len(l.files))
	for i, h := range l.files {
		files[i] = h.Retain()
	}
	o := l.open
	c.post(&wire.Lane{From: l.from, Name: l.name, Queue: o.Queue, Cells: o.Cells, Size: o.Size, Bell: o.Bell,
		Start: l.at.Seq, Urgent: l.at.Urgent, Attempt: l.attempt, Carry: l.at.Carry, CarryUrgent: flag(l.at.CarryUrgent)}, files...)
	for _, s := range l.segments {
		f := s.f
		c.post(&f, s.file.Retain())
	}
	if l.exit != nil {
		c.post(&wire.Passage{Peer: l.from}, l.exit.Retain())
	}
	if l.retired {
		c.post(&wire.Retire{From: l.from})
	}
}

// page keeps a receiver's page and passes it on to the sender. Each incarnation has one
// for a lane: whoever could send more would occupy the sender with them.
func (k *Keeper) page(from wire.Addr, f *wire.Page, hs []*Handle) {
	l := k.lanes[laneKey{f.Peer, from.ID}]
	if l == nil || l.page != nil && l.pageOf == from.Incarnation {
		ReleaseAll(hs)
		return
	}
	l.page.Release()
	l.page, l.pageOf = hs[0].Retain(), from.Incarnation
	k.post(f.Peer, &wire.Page{Peer: from, Size: f.Size, Bell: f.Bell, Start: l.at.Seq, Urgent: l.at.Urgent}, hs...)
}

// passage keeps the exit through which the files of a lane's messages come, so that the
// files outlive sender and receiver.
func (k *Keeper) passage(from wire.Addr, f *wire.Passage, hs []*Handle) {
	if l := k.lanes[laneKey{from, f.Peer.ID}]; l != nil && l.exit == nil {
		l.exit = hs[0].Retain()
		if c := k.reader(l); c != nil {
			c.post(&wire.Passage{Peer: from}, l.exit.Retain())
		}
	}
	ReleaseAll(hs)
	k.post(from, &wire.Ack{Token: f.Token})
}

func (k *Keeper) drop(l *held) {
	ReleaseAll(l.files)
	l.page.Release()
	l.exit.Release()
	for _, s := range l.segments {
		s.file.Release()
	}
	l.forgetReplies(func(kept) bool { return true })
	delete(k.lanes, l.laneKey)
	k.unpark(l.laneKey)
}

// flag is a bool on the wire.
func flag(yes bool) uint8 {
	if yes {
		return 1
	}
	return 0
}
