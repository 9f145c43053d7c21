package segment

import (
	"cmp"
	"slices"

	"github.com/understudy-go/understudy/transport"
)

// The memory of a segment can serve another class only when none of its blocks is out,
// but constant use of small blocks may leave one out in each segment. So while somebody
// waits for a larger block, as many segments as that needs are closed: they lend
// nothing, their blocks come back one by one, and when the last one has, the segment
// gives way.
//
//	wanted: 4 MiB      ┌─┬─┬─┬─┐ ┌─┬─┬─┬─┐ ┌─┬─┬─┬─┐ ┌─┬─┬─┬─┐
//	                   │▒│▒│▒│▒│ │ │▒│ │▒│ │ │ │▒│ │ │▒│ │ │ │  ▒ is out
//	                   └─┴─┴─┴─┘ └─┴─┴─┴─┘ └─┴─┴─┴─┘ └─┴─┴─┴─┘
//	                     lends     lends     closing   closing
//
// A caller that wants a small block meanwhile waits if there is no other, as if it had
// come later. All wait only for blocks of entries that the user has yet to deal with,
// which come back as long as the user goes on: a segment with a block that the user
// keeps, or that the owner has in hand, is not closed.

// Want announces that a caller waits for a block of n bytes, at most those of the
// largest class, until Unwant with the same n. Several may wait at a time; the largest
// block goes first.
func (p *Pool) Want(n int) {
	if p.cfg.Retire == nil {
		return // no segment can give way
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wants == nil {
		p.wants = make([]int, len(p.shelves))
	}
	p.wants[p.shelfFor(n)]++
	p.yield()
}

// Unwant undoes one Want, and reports whether other waiting callers may now find a
// block that they could not have before.
func (p *Pool) Unwant(n int) bool {
	if p.cfg.Retire == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wants[p.shelfFor(n)]--
	was := p.wanted
	return p.yield() || p.wanted != was
}

// Handled tells the pool how far the user has dealt with the queue entries. A block that
// was lent with an earlier entry and is still out is kept by the user.
func (p *Pool) Handled(at transport.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handled = at
}

// yield closes the segments that have to give way to a wanted block, opens the others,
// and reports whether it opened any. Preconditions: mu is held.
func (p *Pool) yield() (opened bool) {
	var ids []uint16
	p.wanted = 0
	for k := len(p.wants) - 1; k > 0 && p.wanted == 0; k-- { // nothing is smaller than shelf 0
		if p.wants[k] > 0 {
			if v, ok := p.victims(k); ok {
				ids, p.wanted = v, k
			}
		}
	}
	for i, s := range p.segments {
		id := uint16(i)
		if s == nil || s.closing == (s == p.giving || slices.Contains(ids, id)) {
			continue
		}
		sh := &p.shelves[s.shelf]
		if s.closing = !s.closing; s.closing {
			sh.free = slices.DeleteFunc(sh.free, func(f freeID) bool { return f.segment() == id })
			continue
		}
		opened = true
		for index := range s.ledger {
			if !s.ledger[index].out {
				sh.free = append(sh.free, makeID(id, uint16(index)))
			}
		}
	}
	return opened
}

// victims returns the segments that make room for one of shelf k when their blocks are
// back. It returns false if even all segments whose blocks come back by themselves would
// not do. Preconditions: mu is held.
func (p *Pool) victims(k int) ([]uint16, bool) {
	var ids []uint16
	for id, s := range p.segments {
		if s != nil && s != p.whole && s.shelf < k && !p.keeps(s) {
			ids = append(ids, uint16(id))
		}
	}
	slices.SortFunc(ids, func(a, b uint16) int {
		s, t := p.segments[a], p.segments[b]
		if s.closing != t.closing { // first those that are being closed already
			return cmp.Compare(b2i(t.closing), b2i(s.closing))
		}
		return cmp.Compare(s.busy, t.busy)
	})
	r := p.room(k)
	for i, id := range ids {
		if r.fits(p.shelves[k].class) {
			return ids[:i], true
		}
		r = r.without(p.segments[id])
	}
	return ids, r.fits(p.shelves[k].class)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// keeps reports whether blocks of s are out that do not come back by themselves.
// Preconditions: mu is held.
func (p *Pool) keeps(s *owned) bool {
	for i := range s.ledger {
		if e := &s.ledger[i]; e.out && (e.taken() || p.handled.Before(e.seq.Load())) {
			return true
		}
	}
	return false
}

// room is what the bounds leave for further segments of a shelf.
type room struct {
	bytes            int64
	blocks, segments int
}

// The last blocks and segments that the bounds allow are for shelves that have none:
// otherwise small blocks would use them up long before the bytes.
const (
	lastBlocks   = transport.ReturnEntries / 16
	lastSegments = 16 // the inverse of their part of MaxSegments
)

// room returns the room for shelf k. Preconditions: mu is held.
func (p *Pool) room(k int) room {
	r := room{p.cfg.MaxBytes - p.bytes, transport.ReturnEntries - p.spare - p.blocks, p.cfg.MaxSegments - p.spare - p.inUse}
	if p.shelves[k].total > 0 {
		r.blocks -= lastBlocks
		r.segments -= max(1, p.cfg.MaxSegments/lastSegments)
	}
	return r
}

func (r room) fits(class int64) bool { return r.bytes >= class && r.blocks >= 1 && r.segments >= 1 }

// without returns the room when s is gone.
func (r room) without(s *owned) room {
	return room{r.bytes + s.bytes, r.blocks + len(s.ledger), r.segments + 1}
}
