package segment

// A class that comes when others have all bytes of the pool has no segment. It
// borrows: its payloads go in blocks of a larger class, if one is free. That costs
// nothing, and whoever sends a small payload now and then shall not cost the
// large ones their segments. But a larger class has few blocks. So when a class
// has borrowed borrowFor times, it gets a segment of its own, in the place of
// idle ones, if there are any.
const borrowFor = 64

// borrow takes a block of a larger class for n bytes, if shelf k is borrowing.
// Preconditions: mu is held; the shelf is empty.
func (p *Pool) borrow(b *Block, k, n int) bool {
	sh := &p.shelves[k]
	if sh.borrowed == 0 || sh.borrowed >= borrowFor || !p.pop(b, k+1, p.lenders(k), n) {
		return false
	}
	sh.borrowed++
	return true
}

// lenders is where the shelves end that shelf k may borrow of: what somebody waits
// for is not lent to others. Preconditions: mu is held.
func (p *Pool) lenders(k int) int {
	if p.wanted > k {
		return p.wanted
	}
	return len(p.shelves)
}

// beginBorrowing takes a block of a larger class for n bytes, the first that is borrowed or
// the first after borrowFor. Preconditions: mu is held; there is no room for a
// segment of shelf k.
func (p *Pool) beginBorrowing(b *Block, k, n int) bool {
	if !p.pop(b, k+1, p.lenders(k), n) {
		return false
	}
	p.shelves[k].borrowed = 1
	return true
}
