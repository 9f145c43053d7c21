package node

import (
	"sync/atomic"

	"github.com/understudy-go/understudy/mailbox"
)

// counters are those fields of mailbox.Traffic that belong to no target.
type counters struct {
	Skipped atomic.Uint64 // asks that were skipped because the asker had given up
	Late    atomic.Uint64 // replies that came after the asker had given up
	Dropped atomic.Uint64 // messages dropped because a mailbox was full
}

// Traffic adds up the traffic of all targets and this node's own counters.
func (n *Node) Traffic() mailbox.Traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := mailbox.Traffic{Skipped: n.Skipped.Load(), Late: n.Late.Load(), Dropped: n.Dropped.Load()}
	if n.past != nil {
		sum.Add(*n.past)
	}
	for _, t := range *n.targets.Load() {
		if t != nil && t.box != nil {
			sum.Add(t.box.Traffic())
		}
	}
	return sum
}
