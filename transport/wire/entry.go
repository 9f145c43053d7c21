package wire

import (
	"encoding/binary"
	"fmt"
)

// The kinds of entries.
const (
	EntryTell  = 1 // a message that wants no answer
	EntryAsk   = 2 // a message that wants one answer
	EntryReply = 3 // the answer, in a reply slot
	EntryError = 4 // the answer is an error, in a reply slot
)

// FlagBlock says that the payload is in a block of the sender's segment.
const FlagBlock = 1

// The sizes of an entry's parts in bytes.
const (
	entryFixed    = 12 // kind, flags, blocks, 0, type
	entryAsk      = 16 // ask, deadline
	BlockRefBytes = 24 // one block reference
	MaxBlocks     = 8  // lent buffers in one message
)

// BlockRef names a block of a segment, by its index and never by an offset.
type BlockRef struct {
	Segment    uint16
	Index      uint16
	Generation uint32
	Length     uint64 // bytes in use
}

// FileSegment, in the place of a segment's number, says that a lent block is a file.
// Index is then its place among the message's files, Length the ticket of their packet
// in the lane's passage.
const FileSegment = 1<<16 - 1

// Files returns how many files travel with the entry, and their ticket.
func (e *Entry) Files() (ticket uint64, n int) {
	for i := range e.Lent[:min(int(e.N), MaxBlocks)] {
		if e.Lent[i].Segment == FileSegment {
			ticket = e.Lent[i].Length
			n++
		}
	}
	return ticket, n
}

// Entry is the header of a queue's entry:
//
//	u8 kind  u8 flags  u8 lent blocks  u8 0  u64 type
//	asks:    u64 ask   i64 deadline (CLOCK_MONOTONIC ns, 0 none)
//	blocks:  24 bytes each: u16 segment  u16 block  u32 generation  u64 length  u64 0
//	payload: the rest, unless FlagBlock: then the first block holds it
type Entry struct {
	Kind     uint8
	Flags    uint8
	N        uint8 // lent blocks, without the payload's
	Type     uint64
	Ask      uint64              // not of a tell
	Deadline int64               // not of a tell
	Payload  BlockRef            // with FlagBlock
	Lent     [MaxBlocks]BlockRef // N of them
}

// Header returns the size in bytes of e's header.
func (e *Entry) Header() int {
	n := entryFixed + int(e.N)*BlockRefBytes
	if e.Kind == EntryAsk || e.Kind == EntryReply || e.Kind == EntryError {
		n += entryAsk
	}
	if e.Flags&FlagBlock != 0 {
		n += BlockRefBytes
	}
	return n
}

// Put writes the header to b, which must have Header bytes.
func (e *Entry) Put(b []byte) {
	b[0], b[1], b[2], b[3] = e.Kind, e.Flags, e.N, 0
	binary.LittleEndian.PutUint64(b[4:], e.Type)
	at := entryFixed
	if e.Kind != EntryTell {
		binary.LittleEndian.PutUint64(b[at:], e.Ask)
		binary.LittleEndian.PutUint64(b[at+8:], uint64(e.Deadline))
		at += entryAsk
	}
	if e.Flags&FlagBlock != 0 {
		e.Payload.Put(b[at:])
		at += BlockRefBytes
	}
	for i := range e.Lent[:e.N] {
		e.Lent[i].Put(b[at:])
		at += BlockRefBytes
	}
}

// Put writes r to the first BlockRefBytes of b.
func (r *BlockRef) Put(b []byte) {
	_ = b[BlockRefBytes-1]
	binary.LittleEndian.PutUint16(b, r.Segment)
	binary.LittleEndian.PutUint16(b[2:], r.Index)
	binary.LittleEndian.PutUint32(b[4:], r.Generation)
	binary.LittleEndian.PutUint64(b[8:], r.Length)
	binary.LittleEndian.PutUint64(b[16:], 0)
}

// Parse reads what Put has written. It checks nothing: whoever maps the segment has
// to.
func (r *BlockRef) Parse(b []byte) {
	_ = b[BlockRefBytes-1]
	r.Segment = binary.LittleEndian.Uint16(b)
	r.Index = binary.LittleEndian.Uint16(b[2:])
	r.Generation = binary.LittleEndian.Uint32(b[4:])
	r.Length = binary.LittleEndian.Uint64(b[8:])
}

// ParseTell is Parse for most messages: tells whose payload is all inline. If b is
// something else, ok is false and e is unchanged.
func (e *Entry) ParseTell(b []byte) (payload []byte, ok bool) {
	if len(b) < entryFixed || binary.LittleEndian.Uint32(b) != EntryTell {
		return nil, false
	}
	e.Kind, e.Flags, e.N = EntryTell, 0, 0
	e.Type = binary.LittleEndian.Uint64(b[4:])
	return b[entryFixed:], true
}

// TellIn is ParseTell without an Entry. If b is something else, ok is false.
func TellIn(b []byte) (typ uint64, payload []byte, ok bool) {
	if len(b) < entryFixed || binary.LittleEndian.Uint32(b) != EntryTell {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(b[4:]), b[entryFixed:], true
}

// LentHeader is the size in bytes of the header of a tell with one lent block.
const LentHeader = entryFixed + BlockRefBytes

// lentTell is the first word of such an entry: kind, flags, lent blocks, 0.
const lentTell = EntryTell | 1<<16

// PutLentTell writes the header of a tell with one lent block and inline payload.
func PutLentTell(b []byte, typ uint64, lent *BlockRef) {
	_ = b[LentHeader-1]
	binary.LittleEndian.PutUint32(b, lentTell)
	binary.LittleEndian.PutUint64(b[4:], typ)
	lent.Put(b[entryFixed:])
}

// LentTellIn is TellIn for a tell with one lent block. It sets lent only if ok is true.
func LentTellIn(b []byte, lent *BlockRef) (typ uint64, payload []byte, ok bool) {
	if len(b) < LentHeader || binary.LittleEndian.Uint32(b) != lentTell {
		return 0, nil, false
	}
	lent.Parse(b[entryFixed:])
	return binary.LittleEndian.Uint64(b[4:]), b[LentHeader:], true
}

// Parse reads the header of the entry b and returns the inline payload. It reads
// every byte of the header only once, since the sender could change it meanwhile.
func (e *Entry) Parse(b []byte) (payload []byte, err error) {
	if len(b) < entryFixed {
		return nil, fmt.Errorf("wire: entry of %d bytes is shorter than its header of %d", len(b), entryFixed)
	}
	first := binary.LittleEndian.Uint32(b)
	e.Kind, e.Flags, e.N = uint8(first), uint8(first>>8), uint8(first>>16)
	e.Type = binary.LittleEndian.Uint64(b[4:])
	if e.Kind < EntryTell || e.Kind > EntryError || e.Flags > FlagBlock || e.N > MaxBlocks {
		return nil, fmt.Errorf("wire: entry of kind %d with flags %#x and %d blocks", e.Kind, e.Flags, e.N)
	}
	h := e.Header()
	if len(b) < h {
		return nil, fmt.Errorf("wire: entry of %d bytes is shorter than its header of %d", len(b), h)
	}
	at := entryFixed
	e.Ask, e.Deadline = 0, 0
	if e.Kind != EntryTell {
		e.Ask = binary.LittleEndian.Uint64(b[at:])
		e.Deadline = int64(binary.LittleEndian.Uint64(b[at+8:]))
		at += entryAsk
	}
	if e.Flags&FlagBlock != 0 {
		e.Payload.Parse(b[at:])
		at += BlockRefBytes
		if len(b) != h {
			return nil, fmt.Errorf("wire: entry has a block and %d bytes of inline payload", len(b)-h)
		}
	}
	for i := range e.Lent[:e.N] {
		e.Lent[i].Parse(b[at:])
		at += BlockRefBytes
	}
	return b[h:], nil
}

// TellHeader is the size of the header of a tell without blocks.
const TellHeader = entryFixed

// PutTell is PutPlain for a tell.
func PutTell(b []byte, typ uint64) {
	_ = b[entryFixed-1]
	binary.LittleEndian.PutUint32(b, EntryTell)
	binary.LittleEndian.PutUint64(b[4:], typ)
}

// PlainHeader returns the size of the header of an entry without blocks.
func PlainHeader(kind uint8) int {
	if kind == EntryTell {
		return entryFixed
	}
	return entryFixed + entryAsk
}

// PutPlain writes the header of an entry without blocks, as most have, without the
// cost of an Entry.
func PutPlain(b []byte, kind uint8, typ, ask uint64, deadline int64) {
	_ = b[entryFixed-1]
	b[0], b[1], b[2], b[3] = kind, 0, 0, 0
	binary.LittleEndian.PutUint64(b[4:], typ)
	if kind != EntryTell {
		_ = b[entryFixed+entryAsk-1]
		binary.LittleEndian.PutUint64(b[12:], ask)
		binary.LittleEndian.PutUint64(b[20:], uint64(deadline))
	}
}
