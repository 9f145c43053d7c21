package segment

// A class that comes when others have all bytes of the pool has no segment. It
// borrows: its payloads go in blocks of a larger class, if one is free. That costs
// nothing, and whoever sends a small payload now and then shall not cost the
// large ones their segments. But a larger class has few blocks. So when a class
// has borrowed borrowFor times, it gets a segment of its own in the place of
// idle ones. If none is idle, one of a larger class is closed until it is; the other
// blocks are borrowed meanwhile.
const borrowFor = 64

// borrow takes a block of a larger class for n bytes, if shelf k is borrowing.
// Preconditions: mu is held; the shelf is empty.
func (p *Pool) borrow(k, n int) *Slot {
	sh := &p.shelves[k]
	if sh.borrowed == 0 || p.borrowedLong(sh) {
		return nil
	}
	s := p.pop(k+1, p.lenders(k), n)
	if s != nil {
		sh.borrowed++
	}
	return s
}

// borrowedLong says that a class shall have a segment of its own now, if it can.
// Preconditions: mu is held.
func (p *Pool) borrowedLong(sh *shelf) bool {
	return sh.borrowed >= borrowFor || sh.borrowed > 0 && p.giving != nil && p.giving.busy == 0
}

// give closes a segment of a larger class, for shelf k to replace. Preconditions: mu
// is held.
func (p *Pool) give(k int) {
	if p.giving != nil || p.cfg.Retire == nil {
		return
	}
	for _, s := range p.segments {
		if s != nil && s != p.whole && s.shelf > k && !s.closing && (p.giving == nil || s.busy < p.giving.busy) {
			p.giving = s
		}
	}
	p.yield()
}

// lenders is where the shelves end that shelf k may borrow of: what somebody waits
// for is not lent to others. Preconditions: mu is held.
func (p *Pool) lenders(k int) int {
	if p.wanted > k {
		return p.wanted
	}
	return len(p.shelves)
}

// beginBorrowing takes a block of a larger class for n bytes, the first that is
// borrowed or the first after borrowFor. Preconditions: mu is held; there is no
// room for a segment of shelf k.
func (p *Pool) beginBorrowing(k, n int) *Slot {
	s := p.pop(k+1, p.lenders(k), n)
	if s != nil {
		p.shelves[k].borrowed = 1
	}
	return s
}
