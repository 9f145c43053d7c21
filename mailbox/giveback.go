package mailbox

import "github.com/understudy-go/understudy/transport/segment"

// Blocks of the sender go back when their message is done, or when a kept buffer is
// released. For the owner of a block, and for the cache, it matters when it hears of that.

// viewer is the side of a lane that reads blocks.
type viewer interface {
	// release gives a block back.
	release(ref segment.BlockRef, how telling)
}

// telling is how the owner of a block learns that it was given back.
type telling int

const (
	tellNow   telling = iota // the owner is woken if it waits for blocks
	tellSoon                 // more messages follow; one of them will wake the owner
	tellLater                // the block is given back together with others, by Inbox.tell
)

// giveBack gives back the blocks and files of m, except for what is kept.
func (b *Inbox) giveBack(m *Message, how telling) {
	if how == tellNow && b.lane.Left() > few {
		how = tellSoon // a sender in a hurry is told by Done each time
	}
	for i := range m.lent.N {
		if l, ok := m.lent.Item[i].(*lease); ok {
			l.handlerReturned(&m.lent.Mark[i], how)
			continue
		}
		m.lent.Item[i].(*received).handlerReturned()
		m.lent.Item[i] = nil
	}
	m.lent.N = 0
	if m.block {
		m.block = false
		b.release(m.Head.Payload, how)
	}
}

// few is how many bytes of entries are left when a sender that waits for blocks is told
// that there are some: it wakes up while these are handled, and finds all others free.
// Told of each block, it would wake up for each.
const few = 192

// release gives a block of the sender back. Any goroutine may call it, but with
// tellLater only the receiving one.
func (b *Inbox) release(ref segment.BlockRef, how telling) {
	if how == tellLater && ref.Length <= untoldBytes {
		b.later = append(b.later, ref)
		if len(b.later) > min(untold, b.views.Blocks()/untoldPart) {
			b.tell()
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.views.Forget(ref)
		return
	}
	b.views.Release(b.lane.Returns(), ref)
	if how == tellNow {
		b.lane.Returned()
	}
}

// The bounds of what tellLater holds back: the sender needs other blocks meanwhile.
const (
	untold      = 4        // blocks
	untoldBytes = 64 << 10 // bytes of a block; a larger one is given back at once
	untoldPart  = 4        // a quarter of all blocks
)

// tell gives back together what was released with tellLater. So it costs the lock, and
// the transfer of a cache line that both processes use, only once.
func (b *Inbox) tell() {
	if len(b.later) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		for _, ref := range b.later {
			b.views.Forget(ref)
		}
	} else {
		b.views.Release(b.lane.Returns(), b.later...)
		b.lane.Returned()
	}
	b.later = b.later[:0]
}
