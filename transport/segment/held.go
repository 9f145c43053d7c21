package segment

import (
	"fmt"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
)

// viewed is one mapped segment.
type viewed struct {
	mem    *Memory
	policy Policy
	class  uint64                 // bytes of a block; of an arena, of a unit
	holds  []atomic.Pointer[Held] // by block; nil until its first view
	ended  atomic.Bool            // no new views; unmapped when the last one ends
}

// Held is one block as its user has it in view. Every view of a block has the same
// Held.
type Held struct {
	User any    // for whoever has the block in view; kept until the next view of it
	Mem  []byte // from the block's beginning to where the longest block that begins there ends

	held atomic.Uint64 // heldBit and the generation, or 0
}

const heldBit = 1 << 32

// Hold is View for a caller that keeps something with the block. It allocates at the
// first view of a block.
func (v *Views) Hold(ref BlockRef) (*Held, error) {
	s := v.find(ref.Segment)
	if s == nil {
		return nil, v.unknown(ref.Segment)
	}
	if int(ref.Index) >= len(s.holds) {
		return nil, &transport.CorruptError{What: "index of a block", Value: uint64(ref.Index), Limit: uint64(len(s.holds) - 1)}
	}
	if reach := s.policy.Reach(ref.Index, s.class, uint64(len(s.holds))); ref.Length > reach {
		return nil, &transport.CorruptError{What: "length of a block", Value: ref.Length, Limit: reach}
	}
	h := s.holds[ref.Index].Load()
	if h == nil {
		h = s.firstHold(ref.Index)
	}
	if !h.held.CompareAndSwap(0, heldBit|uint64(ref.Generation)) {
		return nil, &transport.CorruptError{What: "index of a block that is in view", Value: uint64(ref.Index)}
	}
	if s.ended.Load() { // loaded after the block is held; shut does both in reverse order
		h.held.Store(0)
		s.unmap()
		return nil, fmt.Errorf("segment: view: %w", transport.ErrClosed)
	}
	return h, nil
}

// unknown returns why there is no segment of that id.
func (v *Views) unknown(id uint16) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.refused[id]; err != nil {
		return fmt.Errorf("segment %d was refused: %w", id, err)
	}
	return ErrUnknownSegment
}

// firstHold makes the Held of a block.
func (s *viewed) firstHold(index uint16) *Held {
	off, reach := s.policy.Offset(index, s.class), s.policy.Reach(index, s.class, uint64(len(s.holds)))
	h := &Held{Mem: s.mem.Bytes()[off : off+reach : off+reach]}
	if !s.holds[index].CompareAndSwap(nil, h) {
		h = s.holds[index].Load() // another goroutine was first
	}
	return h
}

// end ends the view of ref.
func (v *Views) end(ref BlockRef) {
	if s := v.find(ref.Segment); s != nil && int(ref.Index) < len(s.holds) {
		if h := s.holds[ref.Index].Load(); h != nil && h.held.CompareAndSwap(heldBit|uint64(ref.Generation), 0) {
			if s.ended.Load() {
				s.unmap()
			}
			return
		}
	}
	panic(fmt.Sprintf("segment: release of block %d of segment %d, generation %d, which is not in view",
		ref.Index, ref.Segment, ref.Generation))
}

// inView reports whether a block of s is in view.
func (s *viewed) inView() bool {
	for i := range s.holds {
		if h := s.holds[i].Load(); h != nil && h.held.Load() != 0 {
			return true
		}
	}
	return false
}

// shut forbids new views of s, and unmaps it when the last one has ended.
func (s *viewed) shut() {
	s.ended.Store(true)
	s.unmap()
}

// unmap unmaps s if nothing of it is in view. When several goroutines end the last
// views while shut runs, at least one of them finds none left.
// Preconditions: ended is set.
func (s *viewed) unmap() {
	if !s.inView() {
		_ = s.mem.Close() // only the first call counts; the descriptor is closed already
	}
}
