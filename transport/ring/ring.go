package ring

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/internal/testutil/fault"
	"github.com/understudy-go/understudy/transport"
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

// lapEnd is the sequence at which a ring of n cells begins anew after seq.
func lapEnd(seq, n uint64) uint64 { return (seq | (n - 1)) + 1 }

// Sender is the producing end. It implements transport.Sender.
type Sender struct {
	cells   []byte         // the memory, written here only
	n       uint64         // number of cells, a power of two
	next    uint64         // sequence of the next entry (the private copy of tail)
	until   uint64         // an entry that ends here or before fits without a look at anything
	pending uint64         // sequence after the reserved entry; 0: nothing reserved
	tail    *atomic.Uint64 // published sequence, written here only

	head     *atomic.Uint64 // the receiver's word; nil before there is a receiver
	seenHead uint64         // the last head that was read: room up to seenHead+n is known to be free
	most     int            // size in bytes of the largest entry
}

// NewSender returns the producing end of the ring in page.Cells, which must
// have a size that Check accepts. The ring is empty.
func NewSender(page *transport.SendPage) *Sender {
	n := uint64(len(page.Cells) / CellBytes)
	next := page.Tail.Load()
	return &Sender{cells: page.Cells, tail: page.Tail, n: n, most: maxEntry(n), next: next, until: next}
}

// SetHead installs the word of a (new) receiver. Everything before start has
// been dealt with.
func (s *Sender) SetHead(head *atomic.Uint64, start uint64) {
	s.head = head
	if start > s.seenHead && start <= s.next {
		s.seenHead = start
	}
}

// Quick is Reserve for an entry of MaxEntry bytes at most where nothing has to
// be looked at first; it returns nil where something has, and always in the zero
// Sender. It is inlined.
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

// makeRoom is Reserve where something has to be looked at first: it pads the
// end of the cells, finds room, and returns where the entry will end.
func (s *Sender) makeRoom(n int) (end uint64, err error) {
	if n > s.most {
		return 0, &transport.SizeError{What: "entry", Size: n, Limit: s.most,
			Remedy: "send it in a block, or make the ring larger"}
	}
	at, lap := s.next&(s.n-1), lapEnd(s.next, s.n)
	start := s.next
	if start+cellsFor(n) > lap {
		start = lap
	}
	end = start + cellsFor(n)
	if end-s.seenHead > s.n {
		if err := s.room(end); err != nil {
			return 0, err
		}
	}
	if start == lap && at != 0 {
		binary.LittleEndian.PutUint32(s.cells[at*CellBytes:], pad)
		lap = s.next // nothing else fits before the padding is published
	}
	s.until = min(s.seenHead+s.n, lap)
	if s.until > end+2*stride {
		s.until = end + stride
		s.ask(s.until)
	}
	return end, nil
}

// ask asks for the lines of the entries to come, which are in the receiver's
// cache: asked for early, they are here when they are written.
func (s *Sender) ask(at uint64) {
	cpu.PrefetchWrite(&s.cells[at&(s.n-1)*CellBytes], stride*CellBytes/64)
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

// Show is Publish of what Quick or Reserve has lent just before. It is inlined.
func (s *Sender) Show() {
	fault.Hit("ring.commit")
	s.next = s.pending
	s.pending = 0
	cpu.StoreRelease64(s.tail, s.next)
}

// Bar makes Quick return nil for good.
func (s *Sender) Bar() { s.until = 0 }

// Next is the sequence of the next entry; see transport.Sender. Padding in
// front of an entry belongs to it.
func (s *Sender) Next() uint64 { return s.next }

// MaxEntry is the size in bytes of the largest entry.
func (s *Sender) MaxEntry() int { return s.most }

// Close does nothing: the memory belongs to the page.
func (s *Sender) Close() error { return nil }

// Receiver is the consuming end. It implements transport.Receiver.
type Receiver struct {
	cells []byte         // the sender's memory, never written here
	tail  *atomic.Uint64 // the sender's word
	head  *atomic.Uint64 // written here only
	n     uint64
	most  uint32 // size in bytes of the largest entry

	next     uint64 // sequence of the next entry to lend
	seenTail uint64 // the last tail that was read and checked
	until    uint64 // seenTail, or the end of the cells where that comes first
	done     uint64 // everything before it has been dealt with
	freed    uint64 // the private copy of head
	broken   error  // what the peer did; final
}

// NewReceiver returns the consuming end of the ring in the sender's page. It
// begins at sequence start and publishes its progress in head.
func NewReceiver(page *transport.SendPage, head *atomic.Uint64, start uint64) *Receiver {
	head.Store(start)
	n := uint64(len(page.Cells) / CellBytes)
	return &Receiver{
		cells: page.Cells, tail: page.Tail, head: head, n: n, most: uint32(maxEntry(n)),
		next: start, seenTail: start, until: start, done: start, freed: start,
	}
}

// Next lends the oldest entry that has not been lent; see transport.Receiver.
func (r *Receiver) Next() (e transport.Entry, err error) {
	err = r.Take(&e)
	return e, err
}

// Take is Next, into e, which it changes only when it returns nil.
func (r *Receiver) Take(e *transport.Entry) error {
	if r.next == r.until {
		if err := r.look(); err != nil {
			return err
		}
	}
	start := r.next
	off := (start & (r.n - 1)) * CellBytes
	// The length is read once: the peer may change it while it is checked.
	length := binary.LittleEndian.Uint32(r.cells[off:])
	end := start + cellsFor(int(length))
	if length > r.most || end > r.until {
		var err error
		if length, end, err = r.unusual(length); err != nil {
			return err
		}
		off = 0
	}
	r.next = end
	off += headerBytes
	e.Seq, e.End, e.Bytes = start, end, r.cells[off:off+uint64(length):off+uint64(length)]
	return nil
}

// Front is the oldest entry that has not been lent, and the sequence after it, if
// it is known to be there and nothing is unusual about it. Else entry is nil, and
// Take has to be called. Pass lends it; what Front has read is not read again.
func (r *Receiver) Front() (entry []byte, end uint64) {
	off := r.next & (r.n - 1) * CellBytes
	length := binary.LittleEndian.Uint32(r.cells[off:])
	end = r.next + cellsFor(int(length))
	if length > r.most || end > r.until {
		return nil, 0
	}
	off += headerBytes
	return r.cells[off : off+uint64(length) : off+uint64(length)], end
}

// Pass lends the entry that Front has returned with end.
func (r *Receiver) Pass(end uint64) { r.next = end }

// Look reads the sender's tail, unless an entry is known to be there. It fails
// as Take would.
func (r *Receiver) Look() error {
	if r.next != r.until {
		return nil
	}
	return r.look()
}

// unusual deals with a length that is no entry's: padding in front of one, or
// nothing that the rules allow.
func (r *Receiver) unusual(length uint32) (uint32, uint64, error) {
	if length == pad {
		lap := lapEnd(r.next, r.n)
		if lap >= r.seenTail {
			return 0, 0, r.corrupt("pad at the tail", lap, r.seenTail)
		}
		r.next, r.until = lap, min(r.seenTail, lap+r.n)
		length = binary.LittleEndian.Uint32(r.cells)
	}
	end := r.next + cellsFor(int(length))
	if length > r.most {
		return 0, 0, r.corrupt("entry length", uint64(length), uint64(r.most))
	}
	if end > r.until {
		return 0, 0, r.corrupt("entry end", end, r.until)
	}
	return length, end, nil
}

// look reads the sender's tail, unless some of what it has read is left.
func (r *Receiver) look() error {
	if r.broken != nil {
		return r.broken
	}
	if r.next == r.seenTail {
		t := r.tail.Load()
		if t < r.seenTail || t-r.freed > r.n {
			return r.corrupt("ring tail", t, r.freed+r.n)
		}
		r.seenTail = t
		if t == r.next {
			return transport.ErrEmpty
		}
	}
	r.until = min(r.seenTail, lapEnd(r.next, r.n))
	return nil
}

// More says that Next would find an entry without looking at the sender's tail.
func (r *Receiver) More() bool { return r.next != r.seenTail }

// Left is the bytes of cells that Next would go through without looking at the
// sender's tail.
func (r *Receiver) Left() int { return int(r.seenTail-r.next) * CellBytes }

// ReadTo is the sequence after the entry that was lent last.
func (r *Receiver) ReadTo() uint64 { return r.next }

// Pending says that the sender has published something that was not lent.
func (r *Receiver) Pending() bool { return r.tail.Load() != r.next }

func (r *Receiver) corrupt(what string, v, limit uint64) error {
	r.broken = &transport.CorruptError{What: what, Value: v, Limit: limit}
	r.next, r.until = r.seenTail, r.seenTail // nothing more is read
	return r.broken
}

// stride is how many cells the sender writes between two looks at what is ahead;
// found by measuring.
const stride = 32

// Done says that the entry lent last has been dealt with.
func (r *Receiver) Done() { r.done = r.next }

// Release frees the room of all entries that are done, with one store.
func (r *Receiver) Release() {
	if r.freed != r.done {
		r.freed = r.done
		r.head.Store(r.done)
	}
}

// Roomy says that half of the cells are free for the sender, or more: even the
// largest entry, and padding in front of it, find room.
func (r *Receiver) Roomy() bool { return r.tail.Load()-r.freed <= r.n/2 }

// Unreleased is how many bytes are done but not yet free for the sender.
func (r *Receiver) Unreleased() int { return int(r.done-r.freed) * CellBytes }

// Close does nothing: the memory belongs to the page.
func (r *Receiver) Close() error { return nil }
