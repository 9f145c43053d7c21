package lane

import (
	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
)

// replyHeader is the part of a slot before the reply's bytes: u64 ask, u64
// length.
const replyHeader = 16

// maxReply is the size in bytes of the largest reply in a slot, its header
// included.
const maxReply = transport.ReplySlotBytes - replyHeader

// Answered reports whether slot holds the reply to ask, and lends its bytes. They
// are valid until the slot is used for another ask. It may be called by any
// goroutine.
func (p *Peer) Answered(slot int, ask uint64) ([]byte, bool) {
	words := p.Page.Slot(slot)
	if transport.Word64(words, 0).Load() != ask {
		cpu.Prefetch(&words[cpu.Line], 1) // a caller that polls gets it together with the first line
		return nil, false
	}
	n := transport.Word64(words, 8).Load()
	if n > maxReply {
		n = 0 // an impossible length; the caller refuses the empty reply
	}
	return words[replyHeader : replyHeader+n : replyHeader+n], true
}

// Replied reports whether recv, the page of a dead receiver, has the reply to ask.
func Replied(recv *transport.RecvPage, ask uint64) bool {
	return transport.Word64(recv.Slot(int(ask%transport.ReplySlots)), 0).Load() == ask
}

// Replies calls f for the slot of each reply since *seen. It returns false when more
// came than the ring remembers: then any slot may have been answered.
func (p *Peer) Replies(seen *uint64, f func(slot int)) bool {
	first, tail := *seen, p.Page.ReplyTail.Load()
	*seen = tail
	if tail-first >= transport.ReplySlots {
		return false // the next reply overwrites the first of these
	}
	for i := first; i != tail; i++ {
		f(int(p.Page.Replies[i%transport.ReplySlots].Load() % transport.ReplySlots))
	}
	return p.Page.ReplyTail.Load()-first < transport.ReplySlots // else some were overwritten meanwhile
}

// Bell returns the receiver's bell.
func (p *Peer) Bell() transport.Word { return p.Page.Bell }
