package ring

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
)

// Receiver is the consuming end. It implements transport.Receiver.
type Receiver struct {
	cells []byte         // the sender's memory, never written here
	tail  *atomic.Uint64 // the sender's word
	head  *atomic.Uint64 // written here only
	n     uint64
	most  uint32 // size in bytes of the largest entry

	next     uint64 // sequence of the next entry to lend
	seenTail uint64 // the last tail that was read and checked
	until    uint64 // seenTail, or the end of the cells if that comes first
	done     uint64 // everything before it has been dealt with
	freed    uint64 // the private copy of head
	broken   error  // the rule that the peer broke; final
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

// Take is Next, but stores the entry in e, and only when it returns nil.
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

// Front returns the oldest entry that has not been lent, and the sequence after it,
// if the entry is known to be there and is not preceded by padding. Otherwise entry
// is nil, and the caller has to use Take. Pass lends the entry; what Front has read
// is not read again.
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

// unusual handles a length that is not that of an entry: padding in front of an
// entry, or something that the rules forbid.
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

// look reads the sender's tail, unless published entries are left from the last look.
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

// More reports whether Next would find an entry without reading the sender's tail.
func (r *Receiver) More() bool { return r.next != r.seenTail }

// Left returns the bytes of cells that Next can go through without reading the
// sender's tail.
func (r *Receiver) Left() int { return int(r.seenTail-r.next) * CellBytes }

// ReadTo returns the sequence after the entry that was lent last.
func (r *Receiver) ReadTo() uint64 { return r.next }

// Pending reports whether the sender has published something that was not lent.
func (r *Receiver) Pending() bool { return r.tail.Load() != r.next }

// Expect prefetches the first cache lines of the next entry. A caller that polls
// with Pending calls it each time: then the entry arrives together with the tail,
// instead of being fetched only once the tail has said that it is there.
func (r *Receiver) Expect() { cpu.Prefetch(&r.cells[r.next&(r.n-1)*CellBytes], expected) }

// expected is the number of lines that Expect fetches: those of a 64-byte message.
const expected = 2

func (r *Receiver) corrupt(what string, v, limit uint64) error {
	r.broken = &transport.CorruptError{What: what, Value: v, Limit: limit}
	r.next, r.until = r.seenTail, r.seenTail // nothing more is read
	return r.broken
}

// Done marks the entry lent last as dealt with.
func (r *Receiver) Done() { r.done = r.next }

// Release frees the room of all entries that are done, with one store.
func (r *Receiver) Release() {
	if r.freed != r.done {
		r.freed = r.done
		r.head.Store(r.done)
	}
}

// Roomy reports whether at least half of the cells are free for the sender: then
// even the largest entry fits, with padding in front of it.
func (r *Receiver) Roomy() bool { return r.tail.Load()-r.freed <= r.n/2 }

// Unreleased returns how many bytes are done but not yet free for the sender.
func (r *Receiver) Unreleased() int { return int(r.done-r.freed) * CellBytes }

// Close does nothing: the memory belongs to the page.
func (r *Receiver) Close() error { return nil }
