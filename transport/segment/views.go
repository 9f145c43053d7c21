package segment

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Views holds the segments of one owner as this process maps them. The zero value is
// ready to use. All methods may be called by any goroutine, but View and Hold only by
// one at a time, and so Release.
type Views struct {
	// MaxBytes bounds the mapped segments together, in bytes of address space;
	// their memory is accounted to the owner. 0 means 64 GiB. Set before the first
	// Add.
	MaxBytes int64

	// Form is what the owner was told to use; see OpenForm. Set before the
	// first Add.
	Form Form

	// Policy is how the owner was told to cut its own segments. Set before the
	// first Add.
	Policy Policy

	segments atomic.Pointer[table] // never changed, only replaced
	blocks   atomic.Int64          // of the mapped segments

	mu     sync.Mutex // guards what follows, and the replacement of segments
	bytes  int64
	counts [2]counts // of the owner's own segments; of those with SharedIDs
	closed bool

	refused map[uint16]error // segments that Add has refused, so that nobody waits for them
}

// Bounds of what one owner can make a user map.
const (
	defaultViewBytes = 1 << 36 // bytes of address space
	MaxViewSegments  = 256     // mappings; a process has 65,530 by default
	MaxSharing       = 16      // pools of one owner with shared segments; each may have as many as its own pool
)

// counts counts the segments of one kind, and their blocks.
type counts struct{ segments, blocks int }

// count returns the counts for the kind of id. Preconditions: mu is held.
func (v *Views) count(id uint16) *counts {
	if id >= SharedIDs {
		return &v.counts[1]
	}
	return &v.counts[0]
}

// Add maps a segment that the owner announced: blocks blocks (of an arena: units) of
// class bytes in size bytes. It takes ownership of f. It fails with a
// *transport.CorruptError if no Pool makes such a geometry, and with a *ForeignError if f
// is not a segment, or some of its pages have no memory. A later View of the segment
// then fails with the same error.
func (v *Views) Add(id uint16, f transport.File, size, class, blocks int) error {
	err := v.add(id, f, size, class, blocks)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.refused, id)
	if err != nil && !limited(err) && len(v.refused) < MaxViewSegments {
		if v.refused == nil {
			v.refused = make(map[uint16]error)
		}
		v.refused[id] = err
	}
	return err
}

func (v *Views) add(id uint16, f transport.File, size, class, blocks int) error {
	policy := v.Policy.Of(id)
	if err := policy.geometry(size, class, blocks); err != nil {
		sys.Briefly(func() { f.Close() })
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.admit(id, size, blocks); err != nil {
		sys.Briefly(func() { f.Close() })
		return err
	}
	mem, err := openFilled(f, size, v.Form)
	if err != nil {
		return err
	}
	_ = mem.CloseFile()
	v.replace(id, &viewed{mem: mem, policy: policy, class: uint64(class), holds: make([]atomic.Pointer[Held], blocks)})
	v.bytes += int64(len(mem.Bytes()))
	c := v.count(id)
	c.segments++
	c.blocks += blocks
	v.blocks.Add(int64(blocks))
	return nil
}

// blocks returns how many blocks (of an arena: units) the segments of one pool may have
// together.
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
	policy := v.Policy.Of(id)
	most, segments := policy.blocks(), MaxViewSegments
	if policy == PolicyArena {
		most++ // all units, and a payload that is larger than the arena
	}
	if id >= SharedIDs {
		most, segments = most*MaxSharing, segments*MaxSharing
	}
	have := v.count(id)
	if v.find(id) != nil {
		return &transport.CorruptError{What: "id of a new segment that is in use", Value: uint64(id)}
	}
	switch {
	case v.closed:
		return fmt.Errorf("segment: add: %w", transport.ErrClosed)
	case have.segments >= segments:
		return &transport.CorruptError{What: "count of segments", Value: uint64(have.segments) + 1, Limit: uint64(segments)}
	case blocks > most-have.blocks:
		return &transport.CorruptError{What: "count of blocks", Value: uint64(have.blocks + blocks), Limit: uint64(most)}
	case int64(size) > limit-v.bytes:
		return &transport.CorruptError{What: "bytes of segments", Value: uint64(v.bytes) + uint64(size), Limit: uint64(limit)}
	}
	return nil
}

// replace installs a copy of the table in which id stands for s. Preconditions: mu is
// held.
func (v *Views) replace(id uint16, s *viewed) { v.segments.Store(v.segments.Load().with(id, s)) }

// find returns the segment of an id, or nil.
func (v *Views) find(id uint16) *viewed { return v.segments.Load().find(id) }

// View lends the bytes of ref, read-only, until Release or Forget of the same ref. It
// fails with ErrUnknownSegment if the segment has not been announced yet, and with a
// *transport.CorruptError if ref breaks the rules: its index or length is beyond the
// segment's, or the block is in view already.
func (v *Views) View(ref BlockRef) ([]byte, error) {
	h, err := v.Hold(ref)
	if err != nil {
		return nil, err
	}
	return h.Mem[:ref.Length:ref.Length], nil
}

// Release ends the views of refs and gives the blocks back to their owner through r, a
// ring that this process writes. Their bytes must not be used any more. A Release
// without a View panics: the block may be somebody else's by now.
func (v *Views) Release(r transport.Returns, refs ...BlockRef) {
	at := r.Tail.Load()
	for _, ref := range refs {
		v.end(ref)
		// There is room: the ring has as many entries as an owner may have blocks
		// out, and each comes back once. An owner that breaks this bound loses
		// only returns of its own.
		cpu.StoreRelease64(&r.Entries[at%transport.ReturnEntries], transport.PackReturn(ref.Segment, ref.Index, ref.Generation))
		at++
	}
	r.Tail.Store(at) // not just a store-release: the caller then reads whether the owner waits
}

// Blocks returns how many blocks (of an arena: units) the mapped segments have.
func (v *Views) Blocks() int { return int(v.blocks.Load()) }

// Forget ends the view of ref without giving the block back, for an owner that is
// gone or has taken the block back already.
func (v *Views) Forget(ref BlockRef) { v.end(ref) }

// Drop unmaps a segment that its owner has retired. If a block of it is in view, Drop
// fails with a *transport.CorruptError, since the owner cannot have all blocks back.
// Such a segment gets no new views, and is unmapped when the last one ends.
func (v *Views) Drop(id uint16) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.refused, id)
	s := v.find(id)
	if s == nil {
		return ErrUnknownSegment
	}
	s.ended.Store(true) // before inView; Hold does both in reverse order
	if s.inView() {
		return &transport.CorruptError{What: "id of a retired segment that is in view", Value: uint64(id)}
	}
	v.replace(id, nil)
	v.bytes -= int64(len(s.mem.Bytes()))
	c := v.count(id)
	c.segments--
	c.blocks -= len(s.holds)
	v.blocks.Add(-int64(len(s.holds)))
	s.unmap()
	return nil
}

// Close forbids new views, and unmaps each segment as soon as no view of it is left.
// It may be called again. Release and Forget still work.
func (v *Views) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	for s := range v.segments.Load().all {
		s.shut()
	}
}
