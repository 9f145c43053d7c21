package mailbox

import (
	"sync"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// answers remembers the blocks of the last answer in each slot. An asker that
// has given up does not look at its answer any more, and gives nothing back; it
// has said so in the slot's cancelled ask, perhaps after the answer was on its
// way. Such blocks are taken back here, when they are needed.
type answers struct {
	mu   sync.Mutex
	last map[int]answer // by slot
}

// answer is one that was given, with blocks.
type answer struct {
	ask     uint64
	payload bool // the first block is the payload's
	n       int
	refs    [1 + wire.MaxBlocks]segment.BlockRef
}

// note remembers the answer that is about to leave. The one before it in the
// same slot is over for its asker. A payload's block is back by then, unless the
// asker never looked at it.
func (b *Inbox) note(head *wire.Entry) {
	a := answer{ask: head.Ask, payload: head.Flags&wire.FlagBlock != 0}
	if a.payload {
		a.refs[0], a.n = segment.BlockRef(head.Payload), 1
	}
	for i := range int(head.N) {
		a.refs[a.n] = segment.BlockRef(head.Lent[i])
		a.n++
	}
	slot := slotOf(head.Ask)
	b.answers.mu.Lock()
	defer b.answers.mu.Unlock()
	if old, ok := b.answers.last[slot]; ok && (b.lane.Cancelled(slot, old.ask) || old.payload && b.replies.Reclaim(old.refs[0])) {
		b.replies.reclaim(&old)
	}
	if b.answers.last == nil {
		b.answers.last = map[int]answer{}
	}
	b.answers.last[slot] = a
}

// takeBack takes the blocks of answers back that nobody looks at, and says
// whether there were any.
func (b *Inbox) takeBack() (any bool) {
	b.answers.mu.Lock()
	defer b.answers.mu.Unlock()
	for slot, a := range b.answers.last {
		if b.lane.Cancelled(slot, a.ask) {
			any = b.replies.reclaim(&a) || any
			delete(b.answers.last, slot)
		}
	}
	return any
}

// reclaim takes those of an answer's blocks back that are still lent.
func (s *store) reclaim(a *answer) (any bool) {
	for _, ref := range a.refs[:a.n] {
		any = s.Reclaim(ref) || any
	}
	return any
}
