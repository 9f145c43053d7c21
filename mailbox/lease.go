package mailbox

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
)

// lease is the lendings of one block, one after another, on the side of its
// writer or of its reader. It is made at the block's first lending and then
// used again, so that lending allocates nothing. All but its word and parts is immutable:
// who uses a Buffer too late, and even while its block is being lent anew, is
// told so by the generation in the word, and reads nothing half changed.
type lease struct {
	word    atomic.Uint64 // generation << leaseBits | state
	mem     []byte        // the block, and what a longer one that begins there can reach
	segment uint16
	index   uint16
	slot    *segment.Slot // writer: of the pool it was taken from
	from    *store        // and where it goes back to if it is not sent
	view    viewer        // reader: where it is given back

	// Of a block that several receivers can be handed; segment is what they
	// call it.
	set   *Shared
	home  uint16       // the set's own number of the segment
	parts atomic.Int32 // of those who have it in hand: the sender, and each receiver
}

// The states of a lending.
const (
	leaseWriting = iota // the sender fills it
	leaseSent           // dead for the sender
	leaseReading        // in hand: valid until the handler returns
	leaseHeld           // in hand, and kept
	leaseDropped        // in hand, and released: given back when the handler returns
	leaseKept           // valid until Release
	leaseOver           // given back

	leaseBits = 8
)

func leaseWord(generation uint32, state uint64) uint64 { return uint64(generation)<<leaseBits | state }

// begin makes l the lending of that generation. Nobody else has the block.
func (l *lease) begin(generation uint32, state uint64) {
	cpu.StoreRelease64(&l.word, leaseWord(generation, state))
}

// is says whether that lending is in state.
func (l *lease) is(generation uint32, state uint64) bool {
	return l.word.Load() == leaseWord(generation, state)
}

// move takes that lending from one state to another, if it is in it.
func (l *lease) move(generation uint32, from, to uint64) bool {
	return l.word.CompareAndSwap(leaseWord(generation, from), leaseWord(generation, to))
}

// alive says whether the bytes of that lending may be used.
func (l *lease) alive(generation uint32) bool {
	switch l.word.Load() ^ leaseWord(generation, 0) {
	case leaseWriting, leaseReading, leaseHeld, leaseKept:
		return true
	}
	return false
}

// ref names the block in that lending, of length bytes.
func (l *lease) ref(generation uint32, length uint64) segment.BlockRef {
	return segment.BlockRef{Segment: l.segment, Index: l.index, Generation: generation, Length: length}
}

// end gives the memory back, whoever has it. That of a message in hand goes back
// when its handler returns: if that dies first, the message may be handled
// again, and must be what it was.
func (l *lease) end(generation uint32, length uint64) {
	switch {
	case l.move(generation, leaseWriting, leaseOver):
		if l.set != nil {
			if l.ownEnds(generation) {
				l.set.tellFreed()
			}
			return
		}
		l.from.Put(segment.Block{Ref: l.ref(generation, length)})
	case l.move(generation, leaseReading, leaseDropped), l.move(generation, leaseHeld, leaseDropped):
	case l.move(generation, leaseKept, leaseOver):
		l.view.release(l.ref(generation, length), tellNow)
	}
}

// handlerReturned gives the memory back unless it is kept. A Release at the same
// time finds it kept, or is found here.
func (l *lease) handlerReturned(mark *codec.Mark, how telling) {
	g := mark.Generation
	if l.move(g, leaseReading, leaseOver) || !l.move(g, leaseHeld, leaseKept) && l.move(g, leaseDropped, leaseOver) {
		l.view.release(l.ref(g, mark.Length), how)
	}
}

// writing begins the lending of the block of n bytes that was just taken at slot.
func (s *store) writing(slot *segment.Slot, n int) Buffer {
	l, ok := slot.User.(*lease)
	if !ok {
		l = s.firstWriting(slot)
	}
	g := slot.Generation()
	l.begin(g, leaseWriting)
	return Buffer{l: l, generation: g, n: n}
}

func (s *store) firstWriting(slot *segment.Slot) *lease {
	segment, index := slot.Place()
	l := &lease{mem: slot.Mem, segment: segment, index: index, slot: slot, from: s}
	slot.User = l
	return l
}

// reading is the lease of a block that has just come into view, and begins its
// lending.
func reading(h *segment.Held, ref segment.BlockRef, back viewer, state uint64) *lease {
	l, ok := h.User.(*lease)
	if !ok {
		l = &lease{mem: h.Mem, segment: ref.Segment, index: ref.Index, view: back}
		h.User = l
	}
	l.begin(ref.Generation, state)
	return l
}
