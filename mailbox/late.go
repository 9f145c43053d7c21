package mailbox

import (
	"sync"

	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// answers remembers the blocks of the last answer in each slot. An asker that has given
// up, perhaps when the answer was already on its way, does not look at the answer and
// gives nothing back. The answering process then takes the blocks back itself: when it
// needs blocks, if the asker has announced that it gave up this ask or a later one of the
// slot, and at the latest when the slot is answered again. An asker that has looked at
// the answer gives its blocks back itself: the payload's at once, and lent buffers when it
// likes, so it announces whose lent buffers it has taken.
type answers struct {
	mu   sync.Mutex
	last map[int]answer // by slot
}

// answer is an answer that has blocks.
type answer struct {
	ask  uint64
	lent bool // there are lent buffers
	n    int  // of refs
	refs [1 + wire.MaxBlocks]segment.BlockRef
}

// note remembers the answer that is about to leave. The previous one in the same slot is
// over for its asker.
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

// takeBack takes back the blocks of answers that nobody will look at, and reports whether
// there were any.
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

// reclaim takes back the blocks of an answer that is over, unless its asker has taken
// them.
func (b *Inbox) reclaim(a *answer) (any bool) {
	if a.lent && b.lane.Took(a.ask) {
		return false
	}
	for _, ref := range a.refs[:a.n] {
		any = b.replies.Reclaim(ref) || any
	}
	return any
}
