package segment

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/cpu"
)

// Views is the segments of one owner as this process maps them. The zero value
// is ready. All methods may be called by any goroutine; those that return blocks,
// Release, ReleaseLater and Tell, by one at a time.
type Views struct {
	// MaxBytes bounds the sizes of the mapped segments together, in bytes of
	// address space; their memory is the owner's. 0 means 64 GiB.
	// Set before the first Add.
	MaxBytes int64

	// Form is what the owner was told to use; see OpenForm. Set before the
	// first Add.
	Form Form

	// Policy is how the owner was told to cut its segments. Set before the
	// first Add.
	Policy Policy

	segments atomic.Pointer[table] // never changed, only replaced
	blocks   atomic.Int64          // of the mapped segments
	untold   uint64                // return entries behind the tail: their owner has not been told

	mu     sync.Mutex // for what follows, and for replacing segments
	bytes  int64
	counts [2]counts // of the owner's own segments; of those with SharedIDs
	closed bool
}

// Bounds of what one owner can make a user map.
const (
	defaultViewBytes = 1 << 36 // bytes of address space
	MaxViewSegments  = 256     // mappings; a process has 65,530 by default
)

// counts is what there is of one kind of segment.
type counts struct{ segments, blocks int }

// count is that of the kind that id is of. Preconditions: mu is held.
func (v *Views) count(id uint16) *counts {
	if id >= SharedIDs {
		return &v.counts[1]
	}
	return &v.counts[0]
}

// viewed is one mapped segment.
type viewed struct {
	mem   *Memory
	class uint64                 // bytes of a block; of an arena of a unit
	holds []atomic.Pointer[Held] // by block; nil until its first view
}

// Held is one block as its user has it in view. There is one Held a block, the
// same in every view of it.
type Held struct {
	User any    // for whoever has the block in view; kept until the next view of it
	Mem  []byte // from the block's beginning as far as any block that begins there can reach

	seg  *viewed
	held atomic.Uint64 // heldBit and the generation, or 0
}

const heldBit = 1 << 32

// Add maps a segment that the owner announced: blocks blocks (of an arena: units)
// of class bytes in size bytes. It takes f. It refuses geometry that no Pool makes
// with a *transport.CorruptError, and what is not a segment with a *ForeignError.
func (v *Views) Add(id uint16, f transport.File, size, class, blocks int) error {
	if err := v.Policy.geometry(size, class, blocks); err != nil {
		f.Close()
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.admit(id, size, blocks); err != nil {
		f.Close()
		return err
	}
	mem, err := OpenForm(f, size, v.Form)
	if err != nil {
		return err
	}
	_ = mem.CloseFile()
	v.replace(id, &viewed{mem: mem, class: uint64(class), holds: make([]atomic.Pointer[Held], blocks)})
	v.bytes += int64(len(mem.Bytes()))
	c := v.count(id)
	c.segments++
	c.blocks += blocks
	v.blocks.Add(int64(blocks))
	return nil
}

// blocks is the most that the segments of an owner may have together.
func (p Policy) blocks() int {
	if p == PolicyArena {
		return maxArenaUnits
	}
	return transport.ReturnEntries
}

// geometry checks the numbers of an announcement against each other.
func (p Policy) geometry(size, class, blocks int) error {
	switch {
	case class < pageBytes || class%pageBytes != 0:
		return &transport.CorruptError{What: "bytes of a block", Value: uint64(class), Limit: uint64(size)}
	case blocks < 1 || blocks > p.blocks():
		return &transport.CorruptError{What: "blocks of a segment", Value: uint64(blocks), Limit: uint64(p.blocks())}
	}
	if fit := p.Fit(uint64(max(0, size)), uint64(class)); uint64(blocks) > fit {
		return &transport.CorruptError{What: "blocks of a segment", Value: uint64(blocks), Limit: fit}
	}
	return nil
}

// admit checks an announcement against the bounds. Preconditions: mu is held.
func (v *Views) admit(id uint16, size, blocks int) error {
	limit := v.MaxBytes
	if limit == 0 {
		limit = defaultViewBytes
	}
	most := v.Policy.blocks()
	if v.Policy == PolicyArena {
		most++ // all units, and a payload that is larger than the arena
	}
	have := v.count(id)
	if v.find(id) != nil {
		return &transport.CorruptError{What: "id of a new segment that is in use", Value: uint64(id)}
	}
	switch {
	case v.closed:
		return fmt.Errorf("segment: add: %w", transport.ErrClosed)
	case have.segments >= MaxViewSegments:
		return &transport.CorruptError{What: "count of segments", Value: uint64(have.segments) + 1, Limit: MaxViewSegments}
	case blocks > most-have.blocks:
		return &transport.CorruptError{What: "count of blocks", Value: uint64(have.blocks + blocks), Limit: uint64(most)}
	case int64(size) > limit-v.bytes:
		return &transport.CorruptError{What: "bytes of segments", Value: uint64(v.bytes) + uint64(size), Limit: uint64(limit)}
	}
	return nil
}

// replace installs a copy of the table in which id is s. Preconditions: mu is
// held.
func (v *Views) replace(id uint16, s *viewed) { v.segments.Store(v.segments.Load().with(id, s)) }

// find is the segment of an id, or nil.
func (v *Views) find(id uint16) *viewed { return v.segments.Load().find(id) }

// View lends the bytes that ref speaks of, read-only, until Release or Forget
// of the same ref. It fails with ErrUnknownSegment when the segment has not
// been announced yet, and with a *transport.CorruptError when the owner cannot
// have meant it: a block or length beyond the segment's, or a block that is in
// view already.
func (v *Views) View(ref BlockRef) ([]byte, error) {
	h, err := v.Hold(ref)
	if err != nil {
		return nil, err
	}
	return h.Mem[:ref.Length:ref.Length], nil
}

// Hold is View for those who keep something beside the bytes. It allocates at
// the first view of a block.
func (v *Views) Hold(ref BlockRef) (*Held, error) {
	s := v.find(ref.Segment)
	if s == nil {
		return nil, ErrUnknownSegment
	}
	if int(ref.Index) >= len(s.holds) {
		return nil, &transport.CorruptError{What: "index of a block", Value: uint64(ref.Index), Limit: uint64(len(s.holds) - 1)}
	}
	if reach := v.Policy.Reach(ref.Index, s.class, uint64(len(s.holds))); ref.Length > reach {
		return nil, &transport.CorruptError{What: "length of a block", Value: ref.Length, Limit: reach}
	}
	h := s.holds[ref.Index].Load()
	if h == nil {
		h = v.firstHold(s, ref.Index)
	}
	if !s.mem.retain() {
		return nil, fmt.Errorf("segment: view: %w", transport.ErrClosed)
	}
	if !h.held.CompareAndSwap(0, heldBit|uint64(ref.Generation)) {
		s.mem.release()
		return nil, &transport.CorruptError{What: "index of a block that is in view", Value: uint64(ref.Index)}
	}
	return h, nil
}

// firstHold makes the Held of a block.
func (v *Views) firstHold(s *viewed, index uint16) *Held {
	off, reach := v.Policy.Offset(index, s.class), v.Policy.Reach(index, s.class, uint64(len(s.holds)))
	h := &Held{Mem: s.mem.Bytes()[off : off+reach : off+reach], seg: s}
	if !s.holds[index].CompareAndSwap(nil, h) {
		h = s.holds[index].Load() // another goroutine was quicker
	}
	return h
}

// Release ends the view of ref and gives the block back to its owner through
// r, a ring that this process writes. Its bytes may not be used any more. A
// Release without a View panics: the block may be somebody else's by now.
func (v *Views) Release(r transport.Returns, ref BlockRef) {
	v.ReleaseLater(r, ref)
	v.Tell(r)
}

// ReleaseLater is Release, but the owner does not learn of it before the next Tell
// or Release: telling costs a line of memory that both processes write.
func (v *Views) ReleaseLater(r transport.Returns, ref BlockRef) {
	s := v.end(ref)
	// There is room: the ring has as many entries as an owner may have blocks
	// out, and each of them comes back once. An owner that has more out
	// overwrites its own returns.
	at := (r.Tail.Load() + v.untold) % transport.ReturnEntries
	cpu.StoreRelease64(&r.Entries[at], transport.PackReturn(ref.Segment, ref.Index, ref.Generation))
	v.untold++
	s.mem.release()
}

// Tell tells the owner of what ReleaseLater has released.
func (v *Views) Tell(r transport.Returns) {
	r.Tail.Store(r.Tail.Load() + v.untold) // and not only a release: the caller looks next whether the owner waits
	v.untold = 0
}

// Blocks is how many blocks the mapped segments have; of arenas, units.
func (v *Views) Blocks() int { return int(v.blocks.Load()) }

// Untold is how many blocks the owner has not been told of.
func (v *Views) Untold() int { return int(v.untold) }

// Forget ends the view of ref without giving the block back, for an owner that
// is gone or has taken it back already.
func (v *Views) Forget(ref BlockRef) { v.end(ref).mem.release() }

// end takes the view of ref off the books. The caller releases the memory.
func (v *Views) end(ref BlockRef) *viewed {
	if s := v.find(ref.Segment); s != nil && int(ref.Index) < len(s.holds) {
		if h := s.holds[ref.Index].Load(); h != nil && h.held.CompareAndSwap(heldBit|uint64(ref.Generation), 0) {
			return s
		}
	}
	panic(fmt.Sprintf("segment: release of block %d of segment %d, generation %d, which is not in view",
		ref.Index, ref.Segment, ref.Generation))
}

// Drop unmaps a segment that its owner has retired. A segment with a block in
// view is refused with a *transport.CorruptError: its owner cannot have all
// blocks back.
func (v *Views) Drop(id uint16) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.find(id)
	if s == nil {
		return ErrUnknownSegment
	}
	for i := range s.holds {
		if h := s.holds[i].Load(); h != nil && h.held.Load() != 0 {
			return &transport.CorruptError{What: "id of a retired segment that is in view", Value: uint64(id)}
		}
	}
	v.replace(id, nil)
	v.bytes -= int64(len(s.mem.Bytes()))
	c := v.count(id)
	c.segments--
	c.blocks -= len(s.holds)
	v.blocks.Add(-int64(len(s.holds)))
	return s.mem.Close()
}

// Close forbids new views and unmaps each segment as soon as no view of it is
// left. It may be called again. Release and Forget still work.
func (v *Views) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	for s := range v.segments.Load().all {
		_ = s.mem.Close() // its descriptor is closed already
	}
}
