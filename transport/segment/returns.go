package segment

import "github.com/understudy-go/understudy/transport"

// ring is the owner's end of the return ring.
type ring struct {
	transport.Returns        // of the user's page; Tail is nil when there is none
	read              uint64 // entries read
	broken            bool   // the tail was impossible: the ring is no longer read
	refused           uint64 // impossible entries and tails
	err               *transport.CorruptError
}

// Collect frees the blocks that have come back since the last Collect, and returns how
// many there are. Take does the same when it finds nothing free. A return that names
// no lent block is refused and counted in Stats; Refused returns the last one.
func (p *Pool) Collect() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.collect()
}

// collect is Collect. Preconditions: mu is held.
func (p *Pool) collect() int {
	r := &p.back
	if r.Tail == nil || r.broken || p.closed.Load() {
		return 0
	}
	tail := r.Tail.Load()
	if tail == r.read {
		return 0
	}
	if tail-r.read > transport.ReturnEntries {
		r.broken = true
		r.refuse("tail of returned blocks", tail, r.read+transport.ReturnEntries)
		return 0
	}
	n := 0
	for ; r.read != tail; r.read++ {
		if p.returned(r.Entries[r.read%transport.ReturnEntries].Load()) {
			n++
		}
	}
	return n
}

// returned frees the block that a return entry names, if it is lent.
// Preconditions: mu is held.
func (p *Pool) returned(v uint64) bool {
	segment, index, generation := transport.UnpackReturn(v)
	if segment >= SharedIDs {
		if !p.unshare(BlockRef{Segment: segment, Index: index, Generation: generation}) {
			p.back.refuse("shared block that was returned", v, SharedIDs)
			return false
		}
		return true
	}
	if int(segment) >= len(p.segments) || p.segments[segment] == nil {
		p.back.refuse("segment of a returned block", uint64(segment), uint64(len(p.segments)))
		return false
	}
	ledger := p.segments[segment].ledger
	if int(index) >= len(ledger) {
		p.back.refuse("index of a returned block", uint64(index), uint64(len(ledger)-1))
		return false
	}
	if e := &ledger[index]; !e.lent() || e.generation != generation {
		p.back.refuse("generation of a returned block", uint64(generation), uint64(e.generation))
		return false
	}
	p.free(segment, index)
	return true
}

// Reclaim frees a lent block that its user will neither look at nor return. It returns
// false if the block is not lent, or was returned meanwhile.
func (p *Pool) Reclaim(ref BlockRef) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.collect()
	if p.closed.Load() || int(ref.Segment) >= len(p.segments) || p.segments[ref.Segment] == nil {
		return false
	}
	ledger := p.segments[ref.Segment].ledger
	if int(ref.Index) >= len(ledger) { // the id is that of a later segment by now
		return false
	}
	if e := &ledger[ref.Index]; !e.lent() || e.generation != ref.Generation {
		return false
	}
	p.free(ref.Segment, ref.Index)
	return true
}

func (r *ring) refuse(what string, value, limit uint64) {
	r.refused++
	r.err = &transport.CorruptError{What: what, Value: value, Limit: limit}
}

// Refused returns a *transport.CorruptError about the last return that was refused, or
// nil. Late returns of blocks of this pool's predecessor are refused too, so a few
// after a restart are no sign of a broken peer.
func (p *Pool) Refused() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.back.err == nil {
		return nil
	}
	return p.back.err
}

// Switch makes r the ring by which blocks come back: that of the user's first page, or
// of a new one. Blocks lent with entries before start have nobody left who could return
// them, so Switch frees them, and returns their number. Those lent with start and later
// stay lent, for the new incarnation to return. The old ring is never read again.
func (p *Pool) Switch(r transport.Returns, start uint64) int {
	return p.SwitchAt(r, transport.Place{Seq: start})
}

// SwitchAt is Switch for a queue with priorities: at is where the user's next
// incarnation begins.
func (p *Pool) SwitchAt(r transport.Returns, at transport.Place) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, lent := 0, 0
	for id, s := range p.segments {
		if s == nil || s.busy == 0 {
			continue
		}
		for i := range s.ledger {
			e := &s.ledger[i]
			switch {
			case !e.lent():
			case at.Before(e.seq.Load()):
				p.free(uint16(id), uint16(i))
				n++
			default:
				lent++
			}
		}
	}
	p.endShares(at.Before)
	p.back.Returns, p.back.read, p.back.broken = r, 0, false
	if lent == 0 && len(p.shares) == 0 && r.Tail != nil {
		// Nothing in the ring can be for this pool: its predecessor may have
		// used the same ring.
		p.back.read = r.Tail.Load()
	}
	return n
}
