package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/mailbox"
)

// A message's blocks are in a segment, and its files come through a passage. The
// supervisor passes these on separately from the lane, so an entry can arrive before
// them. Then its lane is not read until they have come, which keeps its order; other
// lanes are read meanwhile:
//
//	entry names what is not there ──► the lane is left alone ──► it has come: read on
//	                                                        └──► segmentWait is over:
//	                                                             the sender broke the rules

// segmentWait is how long a segment may take to arrive after an entry or reply that
// names it: the supervisor already has it by then.
const segmentWait = 5 * time.Second

// errLater says that a lane is left alone for now.
var errLater = errors.New("node: what a message names has not come yet")

// awaits says whether the lane is left alone until what its message names has come.
func (b *inbox) awaits() bool { return !b.until.IsZero() }

// heldUp says whether a lane is not read because one of the sender's earlier
// incarnations waits.
func (b *inbox) heldUp() bool {
	for o := b.older.Load(); o != nil; o = o.older.Load() {
		if o.awaits() {
			return true
		}
	}
	return false
}

// later handles a lane whose Next has returned err, if err says that what a message
// names has not come, or if that was so the last time. It fails with errLater if the lane
// has to be left alone.
func (n *Node) later(b *inbox, err error) error {
	if errors.Is(err, mailbox.ErrNotAnnounced) {
		if !b.awaits() {
			b.until = time.Now().Add(n.absence)
			n.awaited.Add(1)
		}
		// From here on, everything that comes wakes the loop.
		b.tried = n.arrivals.Load()
		err = b.Next(&b.msg)
	}
	if errors.Is(err, mailbox.ErrNotAnnounced) {
		if time.Now().Before(b.until) {
			return errLater
		}
		err = fmt.Errorf("%w: it did not come within %v", err, n.absence)
	}
	b.until = time.Time{}
	n.awaited.Add(-1)
	return err
}

// comes says whether a lane that was left alone has to be looked at again.
func (n *Node) comes(b *inbox) bool {
	return b.tried != n.arrivals.Load() || !time.Now().Before(b.until)
}

// readable is what loopWait looks for while lanes are left alone: something in the other
// lanes, or what one of them waits for. The time limit is that of the wait.
func (n *Node) readable() bool {
	for _, b := range *n.heads.Load() {
		switch {
		case b.awaits():
			if b.tried != n.arrivals.Load() {
				return true
			}
		case b.heldUp(): // the earlier lane comes first
		case b.retired.Load() || !b.broken && b.Pending():
			return true
		}
	}
	return false
}

// latest is the earliest time at which a lane that is left alone has waited too long;
// zero if there is none.
func (n *Node) latest() (at time.Time) {
	if n.awaited.Load() == 0 {
		return at
	}
	for _, b := range *n.heads.Load() {
		if b.awaits() && (at.IsZero() || b.until.Before(at)) {
			at = b.until
		}
	}
	return at
}

// announceArrival wakes the goroutines that wait for a segment or passage.
func (n *Node) announceArrival() {
	n.arrivals.Add(1)
	if n.awaited.Load() > 0 {
		n.cfg.Notifier.Interrupt()
		n.wakeLoop()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.arrived != nil {
		close(n.arrived)
		n.arrived = nil
	}
}

// WhenAnnounced repeats f, which has failed with mailbox.ErrNotAnnounced, whenever a
// segment has come, until ctx ends.
func (n *Node) WhenAnnounced(ctx context.Context, f func() error) error {
	late := time.NewTimer(n.absence)
	defer late.Stop()
	for {
		n.mu.Lock()
		if n.arrived == nil {
			n.arrived = make(chan struct{})
		}
		arrived := n.arrived
		n.mu.Unlock()
		err := f()
		if !errors.Is(err, mailbox.ErrNotAnnounced) {
			return err
		}
		select {
		case <-arrived:
		case <-late.C:
			return fmt.Errorf("%w: it did not come within %v", err, n.absence)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.Ended():
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.closed // set before ended was closed: it says why
		}
	}
}
