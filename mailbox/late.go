package mailbox

import (
	"sync"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// answers remembers the blocks of the last answer in each slot. An asker that
// has given up, perhaps when the answer was on its way, does not look at it any
// more, and gives nothing back. Such blocks are taken back here: when blocks are
// needed, if the asker has said that it gave up this ask or a later one of the
// slot, and at the latest when the slot is answered again. What the asker has
// looked at it gives back itself: a payload's block at once, and lent buffers
// when it likes, so it says whose it has taken.
type answers struct {
	mu   sync.Mutex
	last map[int]answer // by slot
}

// answer is one that was given, with blocks.
type answer struct {
	ask  uint64
	lent bool // there are lent buffers
	n    int
	refs [1 + wire.MaxBlocks]segment.BlockRef
}

// note remembers the answer that is about to leave. The one before it in the
// same slot is over for its asker.
func (b *Inbox) note(head *wire.Entry) {
	a := answer{ask: head.Ask, lent: head.N > 0}
	if head.Flags&wire.FlagBlock != 0 {
		a.refs[0], a.n = head.Payload, 1
	}
	for i := range int(head.N) {
		a.refs[a.n] = head.Lent[i]
		a.n++
	}
	slot := slotOf(head.Ask)
	b.answers.mu.Lock()
	defer b.answers.mu.Unlock()
	if old, ok := b.answers.last[slot]; ok {
		b.reclaim(&old)
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
		if b.lane.Over(a.ask) {
			any = b.reclaim(&a) || any
			delete(b.answers.last, slot)
		}
	}
	return any
}

// reclaim takes the blocks of an answer back that is over, unless its asker has
// looked at it.
func (b *Inbox) reclaim(a *answer) (any bool) {
	if a.lent && b.lane.Took(a.ask) {
		return false
	}
	for _, ref := range a.refs[:a.n] {
		any = b.replies.Reclaim(ref) || any
	}
	return any
}
