package segment

// A class that is first used when other classes have all bytes of the pool gets no
// segment. It borrows: its payloads go in blocks of a larger class, if one is free.
// That costs nothing, and a small payload now and then should not cost the large
// ones their segments. But a larger class has few blocks. So when a class has
// borrowed borrowFor times, it gets a segment of its own in place of idle ones. If
// none is idle, one of a larger class is closed until it is; meanwhile the class goes
// on borrowing.
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

// borrowedLong reports whether a class should get a segment of its own now, if it can.
// Preconditions: mu is held.
func (p *Pool) borrowedLong(sh *shelf) bool {
	return sh.borrowed >= borrowFor || sh.borrowed > 0 && p.giving != nil && p.giving.busy == 0
}

// give closes the least busy segment of a larger class, so that shelf k can replace
// it. Preconditions: mu is held.
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

// lenders returns the shelf before which shelf k may borrow: a class that somebody
// waits for does not lend. Preconditions: mu is held.
func (p *Pool) lenders(k int) int {
	if p.wanted > k {
		return p.wanted
	}
	return len(p.shelves)
}

// beginBorrowing takes a block of a larger class for n bytes: the first one that
// shelf k borrows, or the first after borrowFor. Preconditions: mu is held; there is
// no room for a segment of shelf k.
func (p *Pool) beginBorrowing(k, n int) *Slot {
	s := p.pop(k+1, p.lenders(k), n)
	if s != nil {
		p.shelves[k].borrowed = 1
	}
	return s
}
