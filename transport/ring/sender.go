package ring

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
)

// stride is how many cells the sender takes back from the receiver at a time; see
// take. Found by measuring.
const stride = 64

// Sender is the producing end. It implements transport.Sender.
type Sender struct {
	cells   []byte         // the memory, written here only
	n       uint64         // number of cells, a power of two
	next    uint64         // sequence of the next entry (the private copy of tail)
	until   uint64         // an entry that ends at or before this sequence fits; no other word need be checked
	pending uint64         // sequence after the reserved entry; 0: nothing reserved
	tail    *atomic.Uint64 // published sequence, written here only

	head     *atomic.Uint64 // the receiver's word; nil before there is a receiver
	seenHead uint64         // the last head that was read: cells up to seenHead+n are known to be free
	most     int            // size in bytes of the largest entry

	usual   uint64 // how many cells are used while the receiver keeps up; see enough
	padded  uint64 // sequence at which the last padding begins
	padding uint64 // the number of its cells
}

// NewSender returns the producing end of the ring in page.Cells, which must
// have a size that Check accepts. The ring is empty.
func NewSender(page *transport.SendPage) *Sender {
	n := uint64(len(page.Cells) / CellBytes)
	next := page.Tail.Load()
	return &Sender{cells: page.Cells, tail: page.Tail, n: n, most: maxEntry(n), usual: usualOf(n), next: next, until: next}
}

// SetHead installs the head of a new receiver. Everything before start has been
// dealt with.
func (s *Sender) SetHead(head *atomic.Uint64, start uint64) {
	s.head = head
	if start > s.seenHead && start <= s.next {
		s.seenHead = start
	}
}

// Quick is Reserve for the usual case: an entry of at most MaxEntry bytes, for
// which there is known to be room. In all other cases, and always for the zero
// Sender, it returns nil. It is inlined.
func (s *Sender) Quick(n int) []byte {
	end := s.next + cellsFor(n)
	if end > s.until {
		return nil
	}
	s.pending = end
	b := s.cells[s.next&(s.n-1)*CellBytes:][:headerBytes+n]
	binary.LittleEndian.PutUint32(b, uint32(n))
	return b[headerBytes:]
}

// Reserve lends n bytes for the next entry; see transport.Sender.
func (s *Sender) Reserve(n int) ([]byte, error) {
	end := s.next + cellsFor(n)
	if end > s.until || n > s.most {
		var err error
		if end, err = s.makeRoom(n); err != nil {
			return nil, err
		}
	}
	s.pending = end
	off := ((end - cellsFor(n)) & (s.n - 1)) * CellBytes
	binary.LittleEndian.PutUint32(s.cells[off:], uint32(n))
	off += headerBytes
	return s.cells[off : off+uint64(n) : off+uint64(n)], nil
}

// makeRoom is the slow path of Reserve: it checks n, pads the cells up to their end
// if need be, looks for room, and returns the sequence at which the entry will end.
func (s *Sender) makeRoom(n int) (end uint64, err error) {
	if n > s.most {
		return 0, &transport.SizeError{What: "entry", Size: n, Limit: s.most,
			Remedy: "send it in a block, or make the ring larger"}
	}
	cells, lap := cellsFor(n), lapEnd(s.next, s.n)
	start := s.next
	if start+cells > lap || s.enough(cells) {
		start = lap
	}
	end = start + cells
	if end-s.seenHead > s.n {
		if err := s.room(end); err != nil {
			return 0, err
		}
	}
	s.until = min(s.seenHead+s.n, lap, lapEnd(start, s.usual))
	if start != s.next {
		binary.LittleEndian.PutUint32(s.cells[s.next&(s.n-1)*CellBytes:], pad)
		s.until = s.next // nothing else fits before the padding is published
		s.padded, s.padding = s.next, start-s.next
	} else if s.padded == s.next {
		s.padding = 0 // the entry that was to follow the padding was not sent
	}
	if s.until > end+2*stride {
		s.until = end + stride
		s.take(s.until)
	}
	return end, nil
}

// enough reports whether the next entry, of the given cells, should begin at the first
// cell again before the end of the ring is reached. It should if it would be the first
// to end beyond a multiple of the usual part and hardly anything is unread: while the
// receiver keeps up, the rest of the ring is for bursts, and remains memory that nobody
// has touched and no cache holds. Entries over a quarter of the usual part do not
// count, since few of them would fit it. So there is room for the padding: it skips at
// most the ring but for three quarters of the usual part.
func (s *Sender) enough(cells uint64) bool {
	at := s.next & (s.n - 1)
	if at == 0 || cells > s.usual/4 || at+cells <= lapEnd(at-1, s.usual) || s.head == nil {
		return false
	}
	if h := s.head.Load(); h >= s.seenHead && h <= s.next {
		s.seenHead = h
	}
	return s.next-s.seenHead <= s.usual/16
}

// take takes the cache lines of free cells back from the receiver, which has read
// them, by writing to them. A write to a line that another processor shares lasts
// until that processor has given it up, and the next locked instruction waits for it.
// Taken one by one, entry by entry, each line costs that time; taken together they
// cost it once. A prefetch would not do: it does nothing for a line that is already
// here, though shared.
func (s *Sender) take(at uint64) {
	b := s.cells[at&(s.n-1)*CellBytes:][:stride*CellBytes]
	for i := 0; i < len(b); i += cpu.Line {
		b[i] = 0
	}
}

// room reads the receiver's head and fails if there is no room up to end.
func (s *Sender) room(end uint64) error {
	if s.head == nil {
		return transport.ErrFull
	}
	h := s.head.Load()
	if h < s.seenHead || h > s.next {
		return &transport.CorruptError{What: "ring head", Value: h, Limit: s.next}
	}
	s.seenHead = h
	if end-h > s.n {
		return transport.ErrFull
	}
	return nil
}

// Commit makes the reserved entry visible; see transport.Sender.
func (s *Sender) Commit() error {
	s.Publish()
	return nil
}

// Publish is Commit, which cannot fail here.
func (s *Sender) Publish() {
	if s.pending == 0 {
		panic("ring: Commit without Reserve")
	}
	fault.Hit("ring.commit")
	s.next, s.pending = s.pending, 0
	cpu.StoreRelease64(s.tail, s.next)
}

// Show is Publish for an entry that Quick or Reserve has just lent, which it does not
// check. It is inlined.
func (s *Sender) Show() {
	fault.Hit("ring.commit")
	s.next = s.pending
	s.pending = 0
	cpu.StoreRelease64(s.tail, s.next)
}

// Bar makes Quick return nil for good.
func (s *Sender) Bar() { s.until = 0 }

// Unread returns how many of the given number of cells published last are not padding.
// It knows of the last padding only.
func (s *Sender) Unread(cells uint64) uint64 {
	if s.padded < s.next && cells >= s.next-s.padded {
		return cells - s.padding
	}
	return cells
}

// Next returns the sequence of the next entry; see transport.Sender. Padding in
// front of an entry belongs to it.
func (s *Sender) Next() uint64 { return s.next }

// MaxEntry returns the size in bytes of the largest entry.
func (s *Sender) MaxEntry() int { return s.most }

// Close does nothing: the memory belongs to the page.
func (s *Sender) Close() error { return nil }
