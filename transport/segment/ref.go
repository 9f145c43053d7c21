package segment

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

// BlockRef is what an entry says of a block.
type BlockRef struct {
	Segment    uint16
	Index      uint16 // of the block in its segment
	Generation uint32 // of the lending
	Length     uint64 // bytes in use
}

// BlockRefBytes is the size of a BlockRef in an entry:
//
//	u16 segment  u16 index  u32 generation  u64 length  u64 0, little-endian
const BlockRefBytes = 24

// Put writes r to the first BlockRefBytes of b.
func (r BlockRef) Put(b []byte) {
	_ = b[BlockRefBytes-1]
	binary.LittleEndian.PutUint16(b, r.Segment)
	binary.LittleEndian.PutUint16(b[2:], r.Index)
	binary.LittleEndian.PutUint32(b[4:], r.Generation)
	binary.LittleEndian.PutUint64(b[8:], r.Length)
	binary.LittleEndian.PutUint64(b[16:], 0)
}

// ParseBlockRef reads what Put wrote, from the first BlockRefBytes of b. It
// checks nothing: View does.
func ParseBlockRef(b []byte) BlockRef {
	_ = b[BlockRefBytes-1]
	return BlockRef{
		Segment:    binary.LittleEndian.Uint16(b),
		Index:      binary.LittleEndian.Uint16(b[2:]),
		Generation: binary.LittleEndian.Uint32(b[4:]),
		Length:     binary.LittleEndian.Uint64(b[8:]),
	}
}

var (
	// ErrDry says that every block that would fit is lent and the pool may
	// not grow: it works again when one comes back.
	ErrDry = errors.New("segment: every fitting block is lent")

	// ErrUnknownSegment says that a segment has not been announced, or not
	// yet: its announcement may travel on another way than the entry.
	ErrUnknownSegment = errors.New("segment: unknown segment")

	// Of Take; see Pool.refuseTake for errNoClass.
	errTakeClosed = fmt.Errorf("segment: take: %w", transport.ErrClosed)
	errNoClass    = errors.New("all memory is in blocks of smaller sizes")
)
