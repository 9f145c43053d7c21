package segment

import (
	"fmt"
	"slices"

	"github.com/understudy-go/understudy/transport"
)

// plan is a segment that is about to be made, already counted in the pool's totals.
type plan struct {
	id      uint16
	shelf   int
	blocks  int
	class   int       // bytes of a block; of an arena, of a unit
	bytes   int64     // of the blocks
	size    int       // bytes, whole pages
	victims []uint16  // ids of idle segments to retire first
	mems    []*Memory // of the victims
}

// takeSlow takes a block when shelf k is empty. It tries, in this order, a new
// segment, a block of a larger class, and a new segment in place of idle ones; the
// last two in reverse order when the class has borrowed for long. While it makes a
// segment it holds grow but not mu, so that blocks can come back while Announce waits
// for the peer.
func (p *Pool) takeSlow(k, n int) (*Slot, error) {
	p.grow.Lock()
	defer p.grow.Unlock()
	if err := p.trim(); err != nil {
		return nil, err
	}
	p.linger()
	s, pl, err := p.decide(k, n)
	if pl == nil {
		return s, err
	}
	if err := p.retire(pl); err != nil {
		p.abandon(pl)
		return nil, err
	}
	mem, err := p.realize(pl)
	if err != nil {
		return nil, err
	}
	return p.install(pl, mem, n)
}

// realize makes the segment of a plan, and announces it.
// Preconditions: grow is held.
func (p *Pool) realize(pl *plan) (*Memory, error) {
	mem, err := p.create(pl.size)
	if err != nil {
		p.abandon(pl)
		p.reuse(pl.id) // the user has not heard of it
		return nil, err
	}
	if p.cfg.Announce != nil {
		if err := p.cfg.Announce(pl.id, mem.File(), pl.size, pl.class, pl.blocks); err != nil {
			mem.Close()
			p.abandon(pl)
			return nil, fmt.Errorf("segment: announce: %w", err)
		}
	}
	return mem, nil
}

// decide takes a block, or plans how to get one, or fails.
func (p *Pool) decide(k, n int) (s *Slot, pl *plan, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return nil, nil, errTakeClosed
	}
	if p.giving != nil && p.giving.shelf == k {
		p.giving = nil // its own class needs it
		p.yield()
	}
	for again := false; ; again = true {
		if s := p.pop(k, k+1, n); s != nil { // another goroutine made a segment, or blocks came back
			return s, nil, nil
		}
		if pl := p.plan(k, 0); pl != nil {
			return nil, pl, nil
		}
		long := p.borrowedLong(&p.shelves[k])
		if !long {
			if s := p.beginBorrowing(k, n); s != nil {
				return s, nil, nil
			}
		}
		if pl := p.replace(k); pl != nil {
			return nil, pl, nil
		}
		if long {
			p.give(k)
			if s := p.beginBorrowing(k, n); s != nil {
				return s, nil, nil
			}
		}
		p.giving = nil // nothing else is left: open it again
		if opened := p.yield(); again || !opened {
			if pl := p.overdraw(k); pl != nil {
				return nil, pl, nil
			}
			return nil, nil, p.refuseTake(k, n)
		}
	}
}

// refuseTake returns why there is no block: ErrDry if waiting helps, another error if
// all memory went to smaller classes for good. Preconditions: mu is held.
func (p *Pool) refuseTake(k, n int) error {
	total := 0
	for _, s := range p.shelves[k:] {
		total += s.total
	}
	if total == 0 && p.cfg.Retire == nil {
		return &transport.LimitError{Op: fmt.Sprintf("lend a block of %d bytes", n),
			Limit: "MaxBytes of the pool", Value: uint64(p.cfg.MaxBytes), Err: errNoClass,
			Remedy: "raise it, or send the payload in smaller parts"}
	}
	p.dry.Add(1)
	return ErrDry
}

// plan plans a new segment of at least that many blocks for shelf k. It returns nil
// if the bounds leave no room for one. Preconditions: grow and mu are held; there is
// room for least.
func (p *Pool) plan(k, least int) *plan {
	class := p.shelves[k].class
	r := p.room(k)
	n := max(blocksFor(class, r.bytes, r.blocks), least)
	if p.unit != 0 {
		class, n = p.unit, int((p.cfg.MaxBytes-p.bytes)/p.unit) // an arena takes everything at once
	}
	if n < 1 || r.segments < 1 || !p.couldName() {
		return nil
	}
	return p.book(k, class, n)
}

// overdraw plans a segment of one block beyond MaxBytes if waiting for a block would
// last for ever: all blocks that are out are in the hands of the owner, which wants one
// more, perhaps for the same message, or are kept by the user, perhaps until it gets that
// message. Large blocks may have been borrowed for small payloads, or one block of a
// segment of many may be out. overdraw allows the new block if it and the others, each
// counted by the class that its payload needs, fit MaxBytes. So a pool has at most twice
// its MaxBytes. Preconditions: grow and mu are held.
func (p *Pool) overdraw(k int) *plan {
	if p.cfg.Retire == nil || p.unit != 0 || p.wanted > k || !p.couldName() || p.cfg.Away != nil && p.cfg.Away() {
		return nil
	}
	class := p.shelves[k].class
	left := p.cfg.MaxBytes - class
	for _, s := range p.segments {
		if s == nil || s == p.whole {
			continue
		}
		for i := range s.ledger {
			e := &s.ledger[i]
			if e.lent() && !p.handled.Before(e.seq.Load()) {
				return nil
			}
			if e.out {
				left -= p.shelves[p.shelfFor(int(e.length))].class
			}
		}
	}
	if left < 0 {
		return nil
	}
	victims, mems, ok := p.makeRoom(k, p.cfg.MaxBytes)
	if !ok {
		return nil
	}
	pl := p.book(k, class, 1)
	pl.victims, pl.mems = victims, mems
	return pl
}

// book counts a new segment in the pool's totals. Preconditions: grow and mu are held.
func (p *Pool) book(k int, class int64, n int) *plan {
	pl := &plan{shelf: k, blocks: n, class: int(class), bytes: int64(n) * class, size: roundUp(int(p.cfg.Policy.extent(uint64(class), n)))}
	pl.id = p.newID()
	p.inUse++
	p.bytes += pl.bytes
	p.blocks += n
	return pl
}

// couldName reports whether there is an id for one more segment, and a place in the
// return ring for one more block. Preconditions: mu is held.
func (p *Pool) couldName() bool {
	return p.out+len(p.shares) < transport.ReturnEntries-p.spare && (len(p.ids) > 0 || len(p.segments) < SharedIDs)
}

// freshIDs is how many ids are used before one is used again.
const freshIDs = 4 * MaxViewSegments

// newID returns an id that no segment has. An entry can overtake the announcement of
// its segment, and the user then waits for the announcement. But if the user still had
// an earlier segment of the same id, it would read that one. So an id is used again
// only when hundreds of others have been retired after it. Preconditions: mu is held;
// there is a free id.
func (p *Pool) newID() (id uint16) {
	if len(p.ids) > 0 && len(p.segments) >= freshIDs {
		id, p.ids = p.ids[0], p.ids[1:]
		return id
	}
	p.segments = append(p.segments, nil)
	return uint16(len(p.segments) - 1)
}

// replace plans a segment of shelf k in place of idle ones, which it removes from the
// pool until there is room. It spares those that are to give way to a larger class. If
// even all of them would not do, it returns nil and changes nothing.
// Preconditions: grow and mu are held.
func (p *Pool) replace(k int) *plan {
	if p.cfg.Retire == nil || p.unit != 0 || !p.couldName() {
		return nil
	}
	victims, mems, ok := p.makeRoom(k, 0)
	if !ok {
		return nil
	}
	pl := p.plan(k, 0) // there is room now
	pl.victims, pl.mems = victims, mems
	return pl
}

// makeRoom removes idle segments until there is room for a segment of shelf k, with
// which the pool may exceed MaxBytes by the given bytes; see replace.
// Preconditions: grow and mu are held.
func (p *Pool) makeRoom(k int, beyond int64) (victims []uint16, mems []*Memory, ok bool) {
	class, r := p.shelves[k].class, p.room(k)
	r.bytes += beyond
	for id, s := range p.segments {
		if r.fits(class) {
			break
		}
		if s != nil && s.busy == 0 && s != p.whole && !(s.closing && p.wanted > k) {
			victims = append(victims, uint16(id))
			r = r.without(s)
		}
	}
	if !r.fits(class) {
		return nil, nil, false
	}
	for _, id := range victims {
		mems = append(mems, p.remove(id))
	}
	return victims, mems, true
}

// remove removes an idle segment from the pool. Preconditions: mu is held.
func (p *Pool) remove(id uint16) *Memory {
	s := p.segments[id]
	sh := &p.shelves[s.shelf]
	sh.free = slices.DeleteFunc(sh.free, func(f freeID) bool { return f.segment() == id })
	sh.total -= len(s.ledger)
	p.segments[id] = nil
	if p.giving == s {
		p.giving = nil
	}
	p.inUse--
	p.bytes -= s.bytes
	p.blocks -= len(s.ledger)
	return s.mem
}

// retire takes the victims of a plan back from the user. Afterwards their ids can be
// used again: a late return that names one has an old generation.
func (p *Pool) retire(pl *plan) error {
	var first error
	for i, id := range pl.victims {
		_ = pl.mems[i].Close()
		if err := p.cfg.Retire(id); err == nil {
			p.reuse(id)
		} else if first == nil {
			first = fmt.Errorf("segment: retire: %w", err)
		}
	}
	return first
}

// reuse makes an id that the user does not know available again.
func (p *Pool) reuse(id uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(p.ids, id)
}

// abandon takes a failed plan out of the pool's totals. It does not make the id
// available again, since the user may have heard of it.
func (p *Pool) abandon(pl *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse--
	p.bytes -= pl.bytes
	p.blocks -= pl.blocks
}

// install puts the blocks of a new segment on their shelf and takes one.
func (p *Pool) install(pl *plan, mem *Memory, n int) (*Slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.add(pl, mem); err != nil {
		return nil, err
	}
	if p.unit != 0 {
		return p.installArena(pl, n), nil
	}
	sh := &p.shelves[pl.shelf]
	sh.free = sh.free[:len(sh.free)-1]
	return p.hand(pl.id, 0, n, sh.class), nil
}

// add puts the blocks of a new segment on their shelf, the first one on top.
// Preconditions: mu is held.
func (p *Pool) add(pl *plan, mem *Memory) error {
	if p.closed.Load() {
		mem.Close()
		return errTakeClosed
	}
	p.segments[pl.id] = &owned{mem: mem, bytes: pl.bytes, shelf: pl.shelf, ledger: make([]entry, pl.blocks)}
	sh := &p.shelves[pl.shelf]
	sh.total += pl.blocks
	sh.borrowed = 0
	if p.unit != 0 {
		return nil
	}
	sh.free = slices.Grow(sh.free, sh.total-len(sh.free)) // so that free never allocates
	for i := pl.blocks - 1; i >= 0; i-- {
		sh.free = append(sh.free, makeID(pl.id, uint16(i)))
	}
	return nil
}
