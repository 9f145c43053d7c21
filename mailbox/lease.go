package mailbox

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
)

// lease is the state of one block through its successive lendings, on the side of its
// writer or of its reader. It is made at the block's first lending and then reused, so
// that lending allocates nothing. All of it is immutable but word and parts. So whoever
// uses a Buffer too late, even while its block is being lent anew, learns it from the
// generation in word, and reads nothing half changed.
type lease struct {
	word    atomic.Uint64 // generation << leaseBits | state
	mem     []byte        // from the block's beginning to where the longest block that begins there ends
	segment uint16
	index   uint16
	slot    *segment.Slot // writer: of the pool that the block was taken from
	from    *store        // writer: where it goes back to if it is not sent
	view    viewer        // reader: where it is given back

	// For a block that several receivers can be handed. segment is then the
	// number that they know.
	set   *Shared
	home  uint16       // the number of the segment in the pool of the set
	parts atomic.Int32 // reference count: one for the sender, and one for each receiver
}

// The states of a lending.
const (
	leaseWriting = iota // the sender fills it
	leaseSent           // dead for the sender
	leaseReading        // message in hand: valid until the handler returns
	leaseHeld           // message in hand, after Keep
	leaseDropped        // message in hand, after Release: given back when the handler returns
	leaseKept           // handler has returned: valid until Release
	leaseOver           // given back

	leaseBits = 8
)

func leaseWord(generation uint32, state uint64) uint64 { return uint64(generation)<<leaseBits | state }

// begin begins the lending of that generation. Nobody else has the block.
func (l *lease) begin(generation uint32, state uint64) {
	cpu.StoreRelease64(&l.word, leaseWord(generation, state))
}

// is reports whether that lending is in state.
func (l *lease) is(generation uint32, state uint64) bool {
	return l.word.Load() == leaseWord(generation, state)
}

// move changes the state of that lending, if it is from, and reports whether it did.
func (l *lease) move(generation uint32, from, to uint64) bool {
	return l.word.CompareAndSwap(leaseWord(generation, from), leaseWord(generation, to))
}

// alive reports whether the bytes of that lending may be used.
func (l *lease) alive(generation uint32) bool {
	switch l.word.Load() ^ leaseWord(generation, 0) {
	case leaseWriting, leaseReading, leaseHeld, leaseKept:
		return true
	}
	return false
}

// ref names the block in that lending, with length bytes in use.
func (l *lease) ref(generation uint32, length uint64) segment.BlockRef {
	return segment.BlockRef{Segment: l.segment, Index: l.index, Generation: generation, Length: length}
}

// end gives the memory back, at the sender or the receiver. That of a message in hand
// goes back only when its handler returns: if the process dies before, the message may
// be handled again and must be unchanged.
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

// handlerReturned gives the memory back unless it is kept. A concurrent Release either
// finds it kept, or is noticed here.
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

// reading returns the lease of a block that has just come into view, and begins its
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
