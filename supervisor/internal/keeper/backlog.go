package keeper

import (
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// The lane of a dead sender is kept until the receiver has read it. A sender that dies
// again and again, with a receiver that does not read, would use up the memory and the
// descriptors of the program. So a sender with maxUnread unread earlier incarnations
// finds the mailbox full: its question for the receiver is not answered until one of
// them has been read.
const maxUnread = 2

// maxParked bounds the waiting questions of one process about one receiver. A further
// question is answered at once: the mailbox is full.
const maxParked = 64

// parked is a waiting question.
type parked struct {
	from wire.Addr
	f    wire.Resolve
}

// fullWait, as wire.Mailbox.Full, makes the senders to a full mailbox wait.
const fullWait = 0

// crowded says whether an incarnation has too many unread predecessors at c. If so, it
// has answered or parked the question.
func (k *Keeper) crowded(from wire.Addr, f *wire.Resolve, c *child) bool {
	if f.ID == 0 || c.gone || k.unreadBy(from, c.id) < maxUnread {
		return false
	}
	waiting := 0
	for _, p := range k.parked {
		if p.from == from && p.f.ID == f.ID {
			waiting++
		}
	}
	if waiting == 0 && k.Crowded != nil {
		k.Crowded(c.id, from)
	}
	if c.mailbox.Full != fullWait || waiting >= maxParked {
		k.post(from, &wire.Target{Token: f.Token, State: wire.TargetFull, ID: c.id, Name: c.name})
		return true
	}
	k.parked = append(k.parked, parked{from, *f})
	return true
}

// unreadBy is the number of lanes of earlier incarnations of a sender that the receiver
// has not read to their ends.
func (k *Keeper) unreadBy(from wire.Addr, to uint32) (n int) {
	for key, l := range k.lanes {
		if key.to == to && key.from.ID == from.ID && key.from.Incarnation < from.Incarnation && l.retired {
			n++
		}
	}
	return n
}

// unpark repeats the questions that may now have an answer, because a lane of that
// sender to that receiver is gone.
func (k *Keeper) unpark(key laneKey) {
	var again []parked
	k.parked = slices.DeleteFunc(k.parked, func(p parked) bool {
		yes := p.from.ID == key.from.ID && p.f.ID == key.to
		if yes {
			again = append(again, p)
		}
		return yes
	})
	for _, p := range again {
		if c := k.children[p.from.ID]; c != nil {
			if post, _ := c.process(p.from); post != nil { // otherwise the asker is dead
				k.resolve(p.from, &p.f)
			}
		}
	}
}
