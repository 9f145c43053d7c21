package mailbox

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
)

// Buffer is memory that travels with a message without being copied: a field
// of that type in a message is lent from a shared segment, written in place by
// the sender, read in place by the receiver, and given back.
//
//	writing ── sent ──► dead for the sender
//	                    reading ── handler returns ──► given back
//	                            └─ Keep ─► kept ─ Release ─► given back
//
// A Buffer is a handle: copies of it share their state. The zero Buffer is
// empty and legal in a message. Reading a buffer that was given back is a
// mistake of the program and panics.
type Buffer struct{ l *lease }

// lease is one lending of a block, on the side of its writer or of its reader.
type lease struct {
	state atomic.Uint32
	mem   []byte
	block segment.Block // writer
	from  *store        // writer: where it goes back to if it is not sent
	view  viewer        // reader: where it is given back
	ref   segment.BlockRef
}

// viewer is the side of a lane that reads blocks.
type viewer interface{ release(segment.BlockRef) }

const (
	leaseWriting = iota // the sender fills it
	leaseSent           // dead for the sender
	leaseReading        // valid until the handler returns
	leaseKept           // valid until Release
	leaseOver           // given back
)

// ErrBufferDead is the panic value, wrapped, of reading a buffer that was sent
// or given back.
var ErrBufferDead = errors.New("mailbox: buffer used after it was sent or given back")

// Len is the size of the buffer in bytes. It may be asked for at any time.
func (b Buffer) Len() int {
	if b.l == nil {
		return 0
	}
	return len(b.l.mem)
}

// Bytes is the memory of the buffer. A sender may write it until it sends the
// buffer; a receiver only reads it: its mapping is read-only and a write is a
// fault. It panics with ErrBufferDead after that.
func (b Buffer) Bytes() []byte {
	if b.l == nil {
		return nil
	}
	if s := b.l.state.Load(); s == leaseSent || s == leaseOver {
		panic(fmt.Errorf("%w (%d bytes)", ErrBufferDead, len(b.l.mem)))
	}
	return b.l.mem
}

// Keep makes a received buffer outlive its handler. Release must follow. It
// has no effect on other buffers.
func (b Buffer) Keep() {
	if b.l != nil {
		b.l.state.CompareAndSwap(leaseReading, leaseKept)
	}
}

// Release gives the memory back now. Releasing twice, or releasing the zero
// Buffer, does nothing. A sender releases a buffer that it does not send after
// all.
func (b Buffer) Release() {
	if b.l != nil {
		b.l.end()
	}
}

func (l *lease) end() {
	switch s := l.state.Load(); s {
	case leaseWriting:
		if l.state.CompareAndSwap(s, leaseOver) {
			l.from.Put(l.block)
		}
	case leaseReading, leaseKept:
		if l.state.CompareAndSwap(s, leaseOver) {
			l.view.release(l.ref)
		} else {
			l.end() // Keep came in between
		}
	}
}

// handlerReturned gives the memory back unless it is kept.
func (l *lease) handlerReturned() {
	if l.state.CompareAndSwap(leaseReading, leaseOver) {
		l.view.release(l.ref)
	}
}

// UnderstudyLend is called by the codec when it meets the buffer in a message.
func (b *Buffer) UnderstudyLend(out *codec.Lent) (uint32, error) {
	if b.l == nil {
		return noBuffer, nil
	}
	for i := range out.N {
		if out.Item[i] == b.l {
			return uint32(i), nil // the same buffer twice in one message
		}
	}
	return out.Add(b.l)
}

// UnderstudyAccept is called by the codec when it meets the buffer in an
// arriving message.
func (b *Buffer) UnderstudyAccept(in *codec.Lent, index uint32) error {
	if index == noBuffer {
		b.l = nil
		return nil
	}
	v, err := in.Get(index)
	if err != nil {
		return err
	}
	l, ok := v.(*lease)
	if !ok {
		return fmt.Errorf("mailbox: lent item %d is %T, not a buffer", index, v)
	}
	b.l = l
	return nil
}

// noBuffer stands for the zero Buffer on the wire.
const noBuffer = 1<<32 - 1
