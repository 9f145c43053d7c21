package segment

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
)

// Views is the segments of one owner as this process maps them. The zero value
// is ready. All methods may be called by any goroutine.
type Views struct {
	// MaxBytes bounds the sizes of the mapped segments together, in bytes of
	// address space; their memory is the owner's. 0 means DefaultViewBytes.
	// Set before the first Add.
	MaxBytes int64

	// Form is what the owner was told to use; see OpenForm. Set before the
	// first Add.
	Form Form

	// Policy is how the owner was told to cut its segments. Set before the
	// first Add.
	Policy Policy

	segments    atomic.Pointer[map[uint16]*viewed] // never changed, only replaced
	outstanding atomic.Int64
	push        sync.Mutex // makes this process one producer of return entries

	mu     sync.Mutex // for what follows, and for replacing segments
	bytes  int64
	blocks int
	closed bool
}

// Bounds of what one owner can make a user map.
const (
	DefaultViewBytes = 1 << 36 // bytes of address space
	MaxViewSegments  = 256     // mappings; a process has 65,530 by default
)

// viewed is one mapped segment.
type viewed struct {
	mem   *Memory
	class uint64          // bytes of a block; of an arena of a unit
	held  []atomic.Uint64 // by block: heldBit and the generation, or 0
}

const heldBit = 1 << 32

// Add maps a segment that the owner announced: blocks blocks (of an arena:
// units) of class bytes in size bytes. It takes f. It refuses geometry that no Pool makes with a
// *transport.CorruptError, and what is not a segment with a *ForeignError.
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
	v.replace(func(m map[uint16]*viewed) {
		m[id] = &viewed{mem: mem, class: uint64(class), held: make([]atomic.Uint64, blocks)}
	})
	v.bytes += int64(len(mem.Bytes()))
	v.blocks += blocks
	return nil
}

// blocks is the most that the segments of an owner may have together.
func (p Policy) blocks() int {
	if p == PolicyArena {
		return MaxArenaUnits
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
	case size < class || size/class < blocks:
		return &transport.CorruptError{What: "blocks of a segment", Value: uint64(blocks), Limit: uint64(max(0, size/class))}
	}
	return nil
}

// admit checks an announcement against the bounds. Preconditions: mu is held.
func (v *Views) admit(id uint16, size, blocks int) error {
	limit := v.MaxBytes
	if limit == 0 {
		limit = DefaultViewBytes
	}
	have := 0
	if m := v.segments.Load(); m != nil {
		if _, ok := (*m)[id]; ok {
			return &transport.CorruptError{What: "id of a new segment that is in use", Value: uint64(id)}
		}
		have = len(*m)
	}
	switch {
	case v.closed:
		return fmt.Errorf("segment: add: %w", transport.ErrClosed)
	case have >= MaxViewSegments:
		return &transport.CorruptError{What: "count of segments", Value: uint64(have) + 1, Limit: MaxViewSegments}
	case blocks > v.Policy.blocks()-v.blocks:
		return &transport.CorruptError{What: "count of blocks", Value: uint64(v.blocks + blocks), Limit: uint64(v.Policy.blocks())}
	case int64(size) > limit-v.bytes:
		return &transport.CorruptError{What: "bytes of segments", Value: uint64(v.bytes) + uint64(size), Limit: uint64(limit)}
	}
	return nil
}

// replace changes a copy of the table and installs it. Preconditions: mu is
// held.
func (v *Views) replace(change func(map[uint16]*viewed)) {
	m := map[uint16]*viewed{}
	if old := v.segments.Load(); old != nil {
		m = maps.Clone(*old)
	}
	change(m)
	v.segments.Store(&m)
}

// find is the segment of an id, or nil.
func (v *Views) find(id uint16) *viewed {
	if m := v.segments.Load(); m != nil {
		return (*m)[id]
	}
	return nil
}

// View lends the bytes that ref speaks of, read-only, until Release or Forget
// of the same ref. It fails with ErrUnknownSegment when the segment has not
// been announced yet, and with a *transport.CorruptError when the owner cannot
// have meant it: a block or length beyond the segment's, or a block that is in
// view already.
func (v *Views) View(ref BlockRef) ([]byte, error) {
	s := v.find(ref.Segment)
	if s == nil {
		return nil, ErrUnknownSegment
	}
	if int(ref.Index) >= len(s.held) {
		return nil, &transport.CorruptError{What: "index of a block", Value: uint64(ref.Index), Limit: uint64(len(s.held) - 1)}
	}
	if reach := v.Policy.Reach(ref.Index, s.class, uint64(len(s.held))); ref.Length > reach {
		return nil, &transport.CorruptError{What: "length of a block", Value: ref.Length, Limit: reach}
	}
	if !s.mem.Retain() {
		return nil, fmt.Errorf("segment: view: %w", transport.ErrClosed)
	}
	if !s.held[ref.Index].CompareAndSwap(0, heldBit|uint64(ref.Generation)) {
		s.mem.Release()
		return nil, &transport.CorruptError{What: "index of a block that is in view", Value: uint64(ref.Index)}
	}
	v.outstanding.Add(1)
	off := uint64(ref.Index) * s.class
	return s.mem.Bytes()[off : off+ref.Length : off+ref.Length], nil
}

// Release ends the view of ref and gives the block back to its owner through
// r, a ring that this process writes. Its bytes may not be used any more. A
// Release without a View panics: the block may be somebody else's by now.
func (v *Views) Release(r transport.Returns, ref BlockRef) {
	s := v.end(ref)
	v.push.Lock()
	t := r.Tail.Load()
	// There is room: the ring has as many entries as an owner may have blocks
	// out, and each of them comes back once. An owner that has more out
	// overwrites its own returns.
	r.Entries[t%transport.ReturnEntries].Store(transport.PackReturn(ref.Segment, ref.Index, ref.Generation))
	r.Tail.Store(t + 1)
	v.push.Unlock()
	s.mem.Release()
}

// Forget ends the view of ref without giving the block back, for an owner that
// is gone or has taken it back already.
func (v *Views) Forget(ref BlockRef) { v.end(ref).mem.Release() }

// end takes the view of ref off the books. The caller releases the memory.
func (v *Views) end(ref BlockRef) *viewed {
	s := v.find(ref.Segment)
	if s == nil || int(ref.Index) >= len(s.held) ||
		!s.held[ref.Index].CompareAndSwap(heldBit|uint64(ref.Generation), 0) {
		panic(fmt.Sprintf("segment: release of block %d of segment %d, generation %d, which is not in view",
			ref.Index, ref.Segment, ref.Generation))
	}
	v.outstanding.Add(-1)
	return s
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
	for i := range s.held {
		if s.held[i].Load() != 0 {
			return &transport.CorruptError{What: "id of a retired segment that is in view", Value: uint64(id)}
		}
	}
	v.replace(func(m map[uint16]*viewed) { delete(m, id) })
	v.bytes -= int64(len(s.mem.Bytes()))
	v.blocks -= len(s.held)
	return s.mem.Close()
}

// Outstanding is the number of views that have not been released.
func (v *Views) Outstanding() int { return int(v.outstanding.Load()) }

// Close forbids new views and unmaps each segment as soon as no view of it is
// left. It may be called again. Release and Forget still work.
func (v *Views) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	if m := v.segments.Load(); m != nil {
		for _, s := range *m {
			_ = s.mem.Close() // its descriptor is closed already
		}
	}
}
