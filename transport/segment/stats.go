package segment

// PoolStats is what a pool holds at one moment.
type PoolStats struct {
	Segments int    // announced, or about to be
	Bytes    int64  // of these segments
	Blocks   int    // of these segments; of an arena, its units
	Free     int    // blocks that are free; of an arena, the free units
	Whole    int64  // bytes of the segment of a payload over MaxBytes, which the fields above do not count
	Taken    int    // blocks in the owner's hands
	Lent     int    // lent blocks that have not come back
	Dry      uint64 // Takes that failed with ErrDry
	Refused  uint64 // returns that named no lent block

	OutBytes    int64 // of the blocks that are taken or lent
	UsedBytes   int64 // of these, what was asked for
	FreeBytes   int64 // of the blocks that are free
	LargestFree int64 // bytes of the largest block that can be taken without a new segment
}

// Internal returns the internal fragmentation: the share, 0 to 1, of the bytes taken or
// lent that nobody asked for, since a size is rounded up to that of a block.
func (s PoolStats) Internal() float64 {
	if s.OutBytes == 0 {
		return 0
	}
	return 1 - float64(s.UsedBytes)/float64(s.OutBytes)
}

// External returns the external fragmentation: the share, 0 to 1, of the free bytes that
// are not in the largest free block, and so cannot hold a large payload.
func (s PoolStats) External() float64 {
	if s.FreeBytes == 0 {
		return 0
	}
	return 1 - float64(s.LargestFree)/float64(s.FreeBytes)
}

// Stats returns what the pool holds. It looks at every block, so do not call it for
// each message.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PoolStats{Segments: p.inUse, Bytes: p.bytes, Blocks: p.blocks, Free: p.blocks - p.out,
		Dry: p.dry.Load(), Refused: p.back.refused}
	if p.unit == 0 {
		p.classBytes(&s)
	} else if a := p.arena; a != nil {
		s.Free = a.free
		s.FreeBytes, s.OutBytes = int64(a.free)*p.unit, int64(len(a.runs)-a.free)*p.unit
		s.LargestFree = int64(a.largest()) * p.unit
	}
	if p.whole != nil {
		s.Whole = int64(len(p.whole.mem.Bytes()))
		s.OutBytes += s.Whole * int64(p.whole.busy)
	}
	for _, o := range p.segments {
		if o != nil && o.busy > 0 {
			o.count(&s)
		}
	}
	return s
}

// classBytes adds the bytes of the blocks of a pool of size classes.
// Preconditions: mu is held.
func (p *Pool) classBytes(s *PoolStats) {
	for _, o := range p.segments {
		if o != nil && o != p.whole {
			s.OutBytes += int64(o.busy) * p.shelves[o.shelf].class
			s.FreeBytes += int64(len(o.ledger)-o.busy) * p.shelves[o.shelf].class
		}
	}
	for _, sh := range p.shelves {
		if len(sh.free) > 0 {
			s.LargestFree = sh.class
		}
	}
}

// count adds the blocks of o that are not free.
func (o *owned) count(s *PoolStats) {
	for i := range o.ledger {
		e := &o.ledger[i]
		switch {
		case !e.out:
			continue
		case e.taken():
			s.Taken++
		default:
			s.Lent++
		}
		s.UsedBytes += e.length
	}
}

// Dry returns the number of Takes that failed with ErrDry.
func (p *Pool) Dry() uint64 { return p.dry.Load() }
