package keeper

import "github.com/understudy-go/understudy/transport/wire"

// Children that have ended and will not come back are forgotten in steps, so that
// a program can have any number of them in its time.
const (
	// maxFacts is how many are known with all facts of their ends. Of earlier ones
	// what they wrote is forgotten.
	maxFacts = 256
	// maxEnds is how many are known by name and exit. Of earlier ones only that
	// they have ended: one bit.
	maxEnds = 1024
)

// past is what is known of children that will not come back.
type past struct {
	facts []uint32 // those with all facts, the oldest first
	ends  []uint32 // those without, the oldest first
	ended []uint64 // a bit for each number that is forgotten
}

// Forgotten says that a child that is gone will never come back.
func (k *Keeper) Forgotten(id uint32) {
	p := &k.past
	p.facts = append(p.facts, id)
	if len(p.facts) <= maxFacts {
		return
	}
	id = p.facts[0]
	p.facts = p.facts[1:]
	if c := k.children[id]; c != nil && c.last != nil {
		last := *c.last
		last.Stderr, last.Stack = "", ""
		c.last = &last
	}
	p.ends = append(p.ends, id)
	if len(p.ends) <= maxEnds {
		return
	}
	id = p.ends[0]
	p.ends = p.ends[1:]
	if c := k.children[id]; c != nil && k.concerned(c) {
		p.ends = append(p.ends, id)
		return
	}
	delete(k.children, id)
	p.add(id)
}

// concerned says whether a lane from or to c is left, or may be on its way.
func (k *Keeper) concerned(c *child) bool {
	if len(c.known) > 0 {
		return true
	}
	for key := range k.lanes {
		if key.to == c.id || key.from.ID == c.id {
			return true
		}
	}
	return false
}

func (p *past) add(id uint32) {
	for int(id/64) >= len(p.ended) {
		p.ended = append(p.ended, 0)
	}
	p.ended[id/64] |= 1 << (id % 64)
}

func (p *past) has(id uint32) bool {
	return int(id/64) < len(p.ended) && p.ended[id/64]&(1<<(id%64)) != 0
}

// longGone is the end of a child of which nothing else is known any more.
func longGone(id uint32) *wire.Exit {
	return &wire.Exit{Addr: wire.Addr{ID: id}, Kind: wire.ExitNoTarget, Code: -1, Reason: wire.ReasonNoProc, Summary: "it ended long ago"}
}
