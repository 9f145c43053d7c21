package keeper

import "github.com/understudy-go/understudy/transport/wire"

// Children that have ended and will not come back are forgotten in steps, so that a
// program can have any number of them over time.
const (
	// maxFacts is the number of children for which all facts of their ends are kept.
	// For older ones, what they wrote is forgotten.
	maxFacts = 256
	// maxEnds is the number of further children for which name and exit are kept. For
	// older ones, only the fact that they have ended is kept: one bit.
	maxEnds = 1024
)

// past is what is known of children that will not come back.
type past struct {
	facts []uint32 // children with all facts, the oldest first
	ends  []uint32 // children with name and exit, the oldest first
	ended []uint64 // a bit for each older one
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
	delete(k.pools, id)
	p.add(id)
}

// concerned says whether a lane from or to c still exists, or may be on its way.
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

// longGone is the exit of a child of which only the fact of its end is known.
func longGone(id uint32) *wire.Exit {
	return noProcess(id, wire.ReasonNoProc, "it ended long ago")
}
