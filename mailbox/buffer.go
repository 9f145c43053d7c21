package mailbox

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// Buffer is memory that travels with a message, as a field of this type, without being
// copied. It is lent from a shared segment, written in place by the sender, read in
// place by the receiver, and given back.
//
//	writing ── sent ──► dead for the sender
//	                    reading ── handler returns ──► given back
//	                            └─ Keep ─► kept ─ Release ─► given back
//
// If a buffer is sent to another receiver than the one it was lent for, its bytes are
// copied and it is given back. A received buffer that is sent on is copied, too, but
// stays with its handler.
//
// A Buffer is a handle: copies of it share their state. The zero Buffer is empty and
// may be sent. To use a buffer after it was sent or given back is a mistake in the
// program and panics with ErrBufferDead, even if its memory has been lent again
// meanwhile.
type Buffer struct {
	l          *lease
	generation uint32 // of the lending
	n          int    // bytes
}

// ErrBufferDead is wrapped by the panic value of reading or sending a buffer that was
// sent or given back.
var ErrBufferDead = errors.New("mailbox: buffer used after it was sent or given back")

// Len returns the size of the buffer in bytes. It may be called at any time.
func (b Buffer) Len() int { return b.n }

// Bytes returns the memory of the buffer. The sender may write it until it sends the
// buffer; after that, Bytes panics. The receiver may read it until its handler returns
// or, after Keep, until Release. The receiver must not write: the memory is mapped
// read-only, and a write is a fault that ends the process.
func (b Buffer) Bytes() []byte {
	if b.l == nil {
		return nil
	}
	if !b.l.alive(b.generation) {
		panic(b.dead())
	}
	return b.l.mem[:b.n:b.n]
}

// Fill copies src into the buffer at offset at, as far as there is room, and returns the
// number of bytes copied. It does what copy(b.Bytes()[at:], src) does for the sender, but
// if the receiver reads on a processor that shares no cache with this one, it is faster
// for 32 KiB to 1 MiB (see internal/cpu.Copier). It panics as Bytes does, and if at is out
// of range.
func (b Buffer) Fill(at int, src []byte) int {
	dst := b.Bytes()[at:]
	if b.l == nil || b.l.from == nil {
		return copy(dst, src)
	}
	return b.l.from.copy(dst, src)
}

// Truncate shortens b to its first n bytes, for a sender that has filled less than it
// has lent, for example at the end of a file. It changes b and later copies of it, but not
// earlier ones. It panics if n is negative or larger than Len.
func (b *Buffer) Truncate(n int) {
	if n < 0 || n > b.n {
		panic(fmt.Errorf("mailbox: Truncate to %d bytes of a buffer of %d", n, b.n))
	}
	b.n = n
}

func (b Buffer) dead() error { return fmt.Errorf("%w (%d bytes)", ErrBufferDead, b.n) }

// mustLive panics if err says that a buffer was dead.
func mustLive(err error) {
	if errors.Is(err, ErrBufferDead) {
		panic(err)
	}
}

// Keep makes a received buffer valid beyond the end of its handler, until Release,
// which must follow: until then the sender can lend less. On a buffer that this process
// has lent, it does nothing.
func (b Buffer) Keep() {
	if b.l != nil {
		b.l.move(b.generation, leaseReading, leaseHeld)
	}
}

// Release gives the memory back. That of a buffer that was lent and not sent goes back
// at once, that of a received one when the handler has returned. Releasing a buffer that
// was sent or released, or the zero Buffer, does nothing.
func (b Buffer) Release() {
	if b.l != nil {
		b.l.end(b.generation, uint64(b.n))
	}
}

// UnderstudyLend is called by the codec when it meets the buffer in a message.
func (b *Buffer) UnderstudyLend(out *codec.Lent) (uint32, error) {
	if b.l == nil {
		return noBuffer, nil
	}
	if !b.l.alive(b.generation) {
		panic(b.dead())
	}
	if out != nil {
		for i := range out.N {
			if out.Item[i] != b.l {
				continue
			}
			if n := out.Mark[i].Length; n != uint64(b.n) {
				return 0, fmt.Errorf("mailbox: one buffer stands twice in a message, with %d and with %d bytes: it can have one length", n, b.n)
			}
			return uint32(i), nil // the same buffer twice in one message
		}
	}
	i, err := out.Add(b.l)
	if err == nil {
		out.Mark[i] = codec.Mark{Generation: b.generation, Length: uint64(b.n)}
	}
	return i, err
}

// UnderstudyAccept is called by the codec when it meets the buffer in an
// arriving message.
func (b *Buffer) UnderstudyAccept(in *codec.Lent, index uint32) error {
	if index == noBuffer {
		*b = Buffer{}
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
	*b = Buffer{l: l, generation: in.Mark[index].Generation, n: int(in.Mark[index].Length)}
	return nil
}

// noBuffer stands for the zero Buffer on the wire.
const noBuffer = 1<<32 - 1
