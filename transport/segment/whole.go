package segment

import (
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

// A payload over MaxBytes, and not over MaxWhole, has a segment of its own, of its size
// rounded up to whole pages, with one block. A pool has at most one such segment at a
// time, which does not count towards MaxBytes: a second payload waits for it as for a
// block. The segment is retired after use by Trim, or when the pool grows; until then,
// a payload of the same size may use it again.
//
// It takes one place in the return ring and one of MaxSegments, which a pool with a
// MaxWhole therefore keeps back.

// takeWhole is Take for a payload over MaxBytes.
func (p *Pool) takeWhole(n int) (*Slot, error) {
	if err := p.Fits(n); err != nil {
		return nil, err
	}
	p.grow.Lock()
	defer p.grow.Unlock()
	size := roundUp(n)
	s, err := p.reuseWhole(size, n)
	if err != nil || s != nil {
		return s, err
	}
	if err := p.trim(); err != nil {
		return nil, err
	}
	id, err := p.planWhole()
	if err != nil {
		return nil, err
	}
	mem, err := p.create(size)
	if err != nil {
		p.abandonWhole()
		p.reuse(id) // the user has not heard of it
		return nil, err
	}
	if p.cfg.Announce != nil {
		if err := p.cfg.Announce(id, mem.File(), size, size, 1); err != nil {
			mem.Close()
			p.abandonWhole()
			return nil, fmt.Errorf("segment: announce: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		mem.Close()
		return nil, errTakeClosed
	}
	p.whole, p.wholeID = &owned{mem: mem, ledger: make([]entry, 1)}, id
	p.segments[id] = p.whole
	return p.handWhole(n), nil
}

// reuseWhole takes the block of the present whole segment, if it is free and has that
// size. It fails with ErrDry if the block is not free, and returns nil if a segment has
// to be made.
func (p *Pool) reuseWhole(size, n int) (*Slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return nil, errTakeClosed
	}
	p.collect()
	if p.out+len(p.shares) >= transport.ReturnEntries || p.whole != nil && p.whole.busy > 0 {
		p.dry.Add(1)
		return nil, ErrDry
	}
	if p.whole != nil && len(p.whole.mem.Bytes()) == size {
		return p.handWhole(n), nil
	}
	return nil, nil
}

// handWhole marks the block of the whole segment as taken. Preconditions: mu is held;
// the block is free.
func (p *Pool) handWhole(n int) *Slot {
	return p.hand(p.wholeID, 0, n, int64(len(p.whole.mem.Bytes())))
}

func (p *Pool) planWhole() (id uint16, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The ids can be used up by announcements that failed; and without Retire a
	// whole segment stays for ever.
	if p.whole != nil || len(p.ids) == 0 && len(p.segments) >= SharedIDs {
		p.dry.Add(1)
		return 0, ErrDry
	}
	p.inUse++
	p.blocks++
	return p.newID(), nil
}

func (p *Pool) abandonWhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse--
	p.blocks--
}

// Trim retires the segment of a payload over MaxBytes if the user has returned its
// block, and reports whether no such segment is left. It may block, as Take does when
// it makes a segment.
func (p *Pool) Trim() (none bool, err error) {
	p.grow.Lock()
	defer p.grow.Unlock()
	p.Collect()
	err = p.trim()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.whole == nil, err
}

// trim is Trim without looking for returned blocks. Preconditions: grow is held.
func (p *Pool) trim() error {
	p.mu.Lock()
	s, id := p.whole, p.wholeID
	if s == nil || s.busy > 0 || p.closed.Load() || p.cfg.Retire == nil {
		p.mu.Unlock()
		return nil
	}
	p.whole, p.segments[id] = nil, nil
	p.inUse--
	p.blocks--
	p.mu.Unlock()
	_ = s.mem.Close()
	if err := p.cfg.Retire(id); err != nil {
		return fmt.Errorf("segment: retire: %w", err)
	}
	p.reuse(id)
	return nil
}
