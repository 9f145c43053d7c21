package keeper

import (
	"fmt"
	"slices"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Bounds limits how much of the root's memory and descriptors one process can use by
// what it asks for over its link. A working process does not get near the bounds; one
// that is broken or hostile is ended.
type Bounds struct {
	Monitors int // that it has placed and that have not fired
	Links    int // that it has asked for and that exist
	Segments int // of all its lanes together
	OnLane   int // segments of one lane: its own, those of replies, and those of each set of receivers that share some
}

// DefaultBounds are the bounds of a program. Receivers too refuse more segments on a
// lane than these.
func DefaultBounds() Bounds {
	return Bounds{Monitors: 1 << 16, Links: 1 << 16, Segments: 1 << 14, OnLane: segment.MaxViewSegments}
}

// BoundError says that a process has more than a bound allows.
type BoundError struct {
	What  string // "monitors"
	Bound int
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("it has more than %d %s, which is the bound for one process: "+
		"it is broken, or does not give back what it no longer needs", e.Bound, e.What)
}

// usage is an upper bound of how much of each a process has: the last exact count, plus
// everything that it has asked for since.
type usage struct{ monitors, links, segments int }

func (k *Keeper) usage(of wire.Addr) *usage {
	u := k.used[of]
	if u == nil {
		u = &usage{}
		k.used[of] = u
	}
	return u
}

// allow records that a process wants one more of something, and says whether it may have
// it. Only if the process seems to have too much does it count exactly.
func (k *Keeper) allow(from wire.Addr, n *int, what string, bound int, count func() int) bool {
	if from.ID == 0 { // the root itself
		return true
	}
	if *n >= bound {
		*n = count()
	}
	if *n >= bound {
		k.overrun(from, &BoundError{What: what, Bound: bound})
		return false
	}
	*n++
	return true
}

// Occupied gives up a process that makes more than bound frames wait for another one,
// which does not read as fast.
func (k *Keeper) Occupied(by wire.Addr, bound int) {
	k.giveUp(by, &BoundError{What: "frames that wait for another process", Bound: bound})
}

// Deaf gives up a process for which more than bound frames wait. Its link stays open
// until it is dead, since what it has sent must be heard.
func (k *Keeper) Deaf(who wire.Addr, bound int) {
	k.giveUp(who, &BoundError{What: "frames from its supervisor that it has not read", Bound: bound})
}

func (k *Keeper) giveUp(who wire.Addr, err *BoundError) {
	if _, ok := k.condemned[who]; !ok && k.running(who) {
		k.overrun(who, err)
	}
}

// running says whether an incarnation is alive, as an actor or as a successor.
func (k *Keeper) running(a wire.Addr) bool {
	c := k.children[a.ID]
	if c == nil {
		return false
	}
	post, _ := c.process(a)
	return post != nil
}

// overrun gives up a process that has asked for too much: it gets nothing more.
func (k *Keeper) overrun(from wire.Addr, err *BoundError) {
	k.condemned[from] = struct{}{}
	k.Overrun(from, err)
}

// acquit forgets the accounts of a dead process, and its parked questions.
func (k *Keeper) acquit(dead wire.Addr) {
	k.parked = slices.DeleteFunc(k.parked, func(p parked) bool { return p.from == dead })
	delete(k.used, dead)
	delete(k.condemned, dead)
}

func (k *Keeper) allowMonitor(by wire.Addr) bool {
	return k.allow(by, &k.usage(by).monitors, "monitors", k.Bounds.Monitors, func() (n int) {
		for _, w := range k.monitors {
			if w.by == by {
				n++
			}
		}
		return n
	})
}

func (k *Keeper) allowLink(from wire.Addr) bool {
	return k.allow(from, &k.usage(from).links, "links", k.Bounds.Links, func() (n int) {
		for _, by := range k.links {
			if by == from {
				n++
			}
		}
		return n
	})
}

// allowSegment says whether a process may have one more segment on a lane that it writes
// or, for replies, reads.
func (k *Keeper) allowSegment(from wire.Addr, l *held, f *wire.Segment) bool {
	n, bound := 0, k.Bounds.OnLane
	switch {
	case f.Reply == 1:
		n = len(l.answering)
	default:
		shared := f.ID >= segment.SharedIDs
		if shared {
			bound *= segment.MaxSharing
		}
		for _, s := range l.segments {
			if s.f.ID >= segment.SharedIDs == shared {
				n++
			}
		}
	}
	if n >= bound && from.ID != 0 {
		k.overrun(from, &BoundError{What: "segments on a lane", Bound: bound})
		return false
	}
	return k.allow(from, &k.usage(from).segments, "segments", k.Bounds.Segments, func() (n int) {
		for _, l := range k.lanes {
			if l.from == from {
				n += len(l.segments)
			}
			if l.to == from.ID {
				n += len(l.answering)
			}
		}
		return n
	})
}
