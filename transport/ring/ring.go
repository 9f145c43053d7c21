package ring

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/cpu"
)

const (
	CellBytes   = 16 // unit of room and of alignment
	headerBytes = 4  // u32 length of the entry in bytes
	pad         = 1<<32 - 1

	MinBytes = 1 << 10 // smallest ring
	MaxBytes = 1 << 30 // largest ring
)

// Check says whether bytes is a legal size of a ring: a power of two between
// MinBytes and MaxBytes.
func Check(bytes int) error {
	if bytes < MinBytes || bytes > MaxBytes || bytes&(bytes-1) != 0 {
		return fmt.Errorf("ring: %d bytes: the size must be a power of two from %d to %d", bytes, MinBytes, MaxBytes)
	}
	return nil
}

// cellsFor is the number of cells that an entry of n bytes takes.
func cellsFor(n int) uint64 { return uint64(headerBytes+n+CellBytes-1) / CellBytes }

// maxEntry is the largest entry of a ring of the given cells: a quarter of
// it, so that an entry and its padding always fit an empty ring.
func maxEntry(cells uint64) int { return int(cells/4)*CellBytes - headerBytes }

// Sender is the producing end. It implements transport.Sender.
type Sender struct {
	cells []byte         // the memory, written here only
	tail  *atomic.Uint64 // published sequence, written here only
	head  *atomic.Uint64 // the receiver's word; nil before there is a receiver
	n     uint64         // number of cells, a power of two

	next     uint64 // sequence of the next entry (the private copy of tail)
	seenHead uint64 // the last head that was read: room up to seenHead+n is known to be free
	pending  uint64 // sequence after the reserved entry; 0: nothing reserved
}

// NewSender returns the producing end of the ring in page.Cells, which must
// have a size that Check accepts. The ring is empty.
func NewSender(page *transport.SendPage) *Sender {
	return &Sender{
		cells: page.Cells,
		tail:  page.Tail,
		n:     uint64(len(page.Cells) / CellBytes),
		next:  page.Tail.Load(),
	}
}

// SetHead installs the word of a (new) receiver. Everything before start has
// been dealt with.
func (s *Sender) SetHead(head *atomic.Uint64, start uint64) {
	s.head = head
	if start > s.seenHead && start <= s.next {
		s.seenHead = start
	}
}

// Reserve lends n bytes for the next entry; see transport.Sender.
func (s *Sender) Reserve(n int) ([]byte, error) {
	if n > maxEntry(s.n) {
		return nil, &transport.SizeError{What: "entry", Size: n, Limit: maxEntry(s.n),
			Remedy: "send it in a block, or make the ring larger"}
	}
	need := cellsFor(n)
	at := s.next & (s.n - 1)
	skip := uint64(0)
	if at+need > s.n {
		skip = s.n - at
	}
	if end := s.next + skip + need; end-s.seenHead > s.n {
		if err := s.room(end); err != nil {
			return nil, err
		}
	}
	if skip > 0 {
		binary.LittleEndian.PutUint32(s.cells[at*CellBytes:], pad)
		at = 0
	}
	s.pending = s.next + skip + need
	// The lines of the entries to come are in the receiver's cache; asked for
	// now, they are here when they are written.
	cpu.PrefetchWrite(&s.cells[((at+ahead)&(s.n-1))*CellBytes])
	cpu.PrefetchWrite(&s.cells[((at+ahead+lineCells)&(s.n-1))*CellBytes])
	off := at * CellBytes
	binary.LittleEndian.PutUint32(s.cells[off:], uint32(n))
	off += headerBytes
	return s.cells[off : off+uint64(n) : off+uint64(n)], nil
}

// room looks at the receiver's head: is there room up to end?
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

// Next is the sequence of the next entry; see transport.Sender. Padding in
// front of an entry belongs to it.
func (s *Sender) Next() uint64 { return s.next }

// MaxEntry is the size in bytes of the largest entry.
func (s *Sender) MaxEntry() int { return maxEntry(s.n) }

// Close does nothing: the memory belongs to the page.
func (s *Sender) Close() error { return nil }

// Receiver is the consuming end. It implements transport.Receiver.
type Receiver struct {
	cells []byte         // the sender's memory, never written here
	tail  *atomic.Uint64 // the sender's word
	head  *atomic.Uint64 // written here only
	n     uint64

	next     uint64 // sequence of the next entry to lend
	seenTail uint64 // the last tail that was read and checked
	batch    uint64 // what next was at that look
	done     uint64 // everything before it has been dealt with
	freed    uint64 // the private copy of head
	broken   error  // what the peer did; final
}

// NewReceiver returns the consuming end of the ring in the sender's page. It
// begins at sequence start and publishes its progress in head.
func NewReceiver(page *transport.SendPage, head *atomic.Uint64, start uint64) *Receiver {
	head.Store(start)
	return &Receiver{
		cells: page.Cells,
		tail:  page.Tail,
		head:  head,
		n:     uint64(len(page.Cells) / CellBytes),
		next:  start, seenTail: start, batch: start, done: start, freed: start,
	}
}

// Next lends the oldest entry that has not been lent; see transport.Receiver.
func (r *Receiver) Next() (e transport.Entry, err error) {
	err = r.Take(&e)
	return e, err
}

// Take is Next, into e, which it changes only when it returns nil.
func (r *Receiver) Take(e *transport.Entry) error {
	if r.next == r.seenTail {
		if err := r.look(); err != nil {
			return err
		}
	}
	start := r.next
	at := r.next & (r.n - 1)
	// The length is read once: the peer may change it while it is checked.
	length := binary.LittleEndian.Uint32(r.cells[at*CellBytes:])
	if length == pad {
		r.next += r.n - at
		at = 0
		if r.next >= r.seenTail {
			return r.corrupt("pad at the tail", r.next, r.seenTail)
		}
		length = binary.LittleEndian.Uint32(r.cells)
	}
	if int64(length) > int64(maxEntry(r.n)) {
		return r.corrupt("entry length", uint64(length), uint64(maxEntry(r.n)))
	}
	end := r.next + cellsFor(int(length))
	if end > r.seenTail || at+cellsFor(int(length)) > r.n {
		return r.corrupt("entry end", end, r.seenTail)
	}
	off := at*CellBytes + headerBytes
	r.next = end
	if end+ahead < r.seenTail {
		cpu.Prefetch(&r.cells[((at+ahead)&(r.n-1))*CellBytes])
		cpu.Prefetch(&r.cells[((at+ahead+lineCells)&(r.n-1))*CellBytes])
	}
	e.Seq, e.End, e.Bytes = start, end, r.cells[off:off+uint64(length):off+uint64(length)]
	return nil
}

// look reads the sender's tail.
func (r *Receiver) look() error {
	if r.broken != nil {
		return r.broken
	}
	// A drain of several entries means that the sender is busy. Looked at again
	// at once, the line of the tail would go back and forth with every entry;
	// after a short pause there are several again.
	if r.next-r.batch > 2*usualCells {
		cpu.Pause(pauseTurns)
	}
	r.batch = r.next
	t := r.tail.Load()
	if t < r.seenTail || t-r.freed > r.n {
		return r.corrupt("ring tail", t, r.freed+r.n)
	}
	r.seenTail = t
	if t == r.next {
		return transport.ErrEmpty
	}
	return nil
}

func (r *Receiver) corrupt(what string, v, limit uint64) error {
	r.broken = &transport.CorruptError{What: what, Value: v, Limit: limit}
	r.next = r.seenTail // nothing more is read
	return r.broken
}

// What was found by measuring; neither side depends on the other's.
const (
	lineCells  = 64 / CellBytes
	ahead      = 8 * lineCells // from an entry to the line that is asked for early
	usualCells = 6             // of a small message
	pauseTurns = 16            // between two looks at a busy sender's tail: 0.2 to 1.6 µs
)

// Done says that the entry lent last has been dealt with.
func (r *Receiver) Done() { r.done = r.next }

// Release frees the room of all entries that are done, with one store.
func (r *Receiver) Release() {
	if r.freed != r.done {
		r.freed = r.done
		r.head.Store(r.done)
	}
}

// Unreleased is how many bytes are done but not yet free for the sender.
func (r *Receiver) Unreleased() int { return int(r.done-r.freed) * CellBytes }

// Close does nothing: the memory belongs to the page.
func (r *Receiver) Close() error { return nil }
