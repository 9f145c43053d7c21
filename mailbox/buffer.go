package mailbox

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
)

// Buffer is memory that travels with a message without being copied: a field of this
// type. It is lent from a shared segment, written in place by the sender, read in
// place by the receiver, and given back.
//
//	writing ── sent ──► dead for the sender
//	                    reading ── handler returns ──► given back
//	                            └─ Keep ─► kept ─ Release ─► given back
//
// Sent to another one than it was lent for, its bytes are copied, and it is given back.
// A received buffer that is sent on is copied, too, and stays what it is.
//
// A Buffer is a handle: copies of it share their state. The zero Buffer is empty,
// and may be sent. Whoever uses a buffer that was sent or given back has a mistake
// in the program, and panics with ErrBufferDead, also when its memory has been lent
// again meanwhile.
type Buffer struct {
	l          *lease
	generation uint32 // of the lending
	n          int    // bytes
}

// ErrBufferDead is the panic value, wrapped, of reading or sending a buffer that was
// sent or given back.
var ErrBufferDead = errors.New("mailbox: buffer used after it was sent or given back")

// Len is the size of the buffer in bytes. It may be called at any time.
func (b Buffer) Len() int { return b.n }

// Bytes is the memory of the buffer. The sender may write it until it sends the
// buffer, and Bytes panics after that. The receiver may read it until its handler
// returns, or until Release after Keep. It must not write: the memory is mapped
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

// Fill copies src into the buffer from byte at on, as far as there is room, and returns
// how many bytes that were: what copy(b.Bytes()[at:], src) does, for the sender. Where the
// receiver reads on a processor that shares no cache with this one, it is faster for 32 KiB
// up to 1 MiB (see internal/cpu.Copier). It panics as Bytes does, and if at is out of range.
func (b Buffer) Fill(at int, src []byte) int {
	dst := b.Bytes()[at:]
	if b.l == nil || b.l.from == nil {
		return copy(dst, src)
	}
	return b.l.from.copy(dst, src)
}

// Truncate makes b shorter: its first n bytes remain, for a sender that has filled
// less than it has lent, such as the end of a file. It changes b and what is made
// from it, but no copy that was made before. It panics if n is negative or larger than
// Len.
func (b *Buffer) Truncate(n int) {
	if n < 0 || n > b.n {
		panic(fmt.Errorf("mailbox: Truncate to %d bytes of a buffer of %d", n, b.n))
	}
	b.n = n
}

func (b Buffer) dead() error { return fmt.Errorf("%w (%d bytes)", ErrBufferDead, b.n) }

// mustLive panics when err says that a buffer was dead.
func mustLive(err error) {
	if errors.Is(err, ErrBufferDead) {
		panic(err)
	}
}

// Keep makes a received buffer valid beyond the end of its handler, until Release,
// which must follow. On a buffer that this process has lent, it does nothing.
func (b Buffer) Keep() {
	if b.l != nil {
		b.l.move(b.generation, leaseReading, leaseHeld)
	}
}

// Release gives the memory back: of a buffer that was lent and not sent, at once; of
// a received one, when the handler has returned, or at once if that has returned
// already. Releasing a buffer that was sent or released, or the zero Buffer, does
// nothing.
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

// viewer is the side of a lane that reads blocks.
type viewer interface {
	// release gives a block back.
	release(ref segment.BlockRef, how telling)
}

// telling is how the owner of a block learns that it was given back.
type telling int

const (
	tellNow   telling = iota // it is woken if it waits for blocks
	tellSoon                 // the message in hand is followed by others: one of these wakes it
	tellLater                // the same, and somebody will call Inbox.tell
)
