package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// maxSets bounds the sets of targets that have segments of their own; mailbox.MaxKept
// bounds them too, if they are large. The least recently used one of which nothing is in
// use makes room for another one.
const maxSets = segment.MaxSharing

// sets holds the sets of targets that share memory, so that a message needs no copy for
// each.
type sets struct {
	mu  sync.Mutex
	all []*mailbox.Shared // the one used last comes first
	out []*mailbox.Shared // closed while somebody took a block
	ids mailbox.SharedIDs
}

// Shared returns the memory shared by those of ts that have not ended: always the same
// for the same targets. If all have ended, it fails with the error of one of them.
func (n *Node) Shared(ts []*Target) (*mailbox.Shared, error) {
	members := make([]*mailbox.Outbox, 0, len(ts))
	var gone error
	for _, t := range ts {
		box, err := t.Outbox()
		if err == nil {
			members = append(members, box)
		} else if gone == nil {
			gone = err
		}
	}
	if len(members) == 0 {
		return nil, gone
	}
	n.mu.Lock()
	if n.sets == nil {
		n.sets = &sets{}
	}
	gs := n.sets
	n.mu.Unlock()
	gs.mu.Lock()
	defer gs.mu.Unlock()
	for i, g := range gs.all {
		if slices.Equal(g.Members(), members) {
			copy(gs.all[1:i+1], gs.all[:i])
			gs.all[0] = g
			return g, nil
		}
	}
	if err := gs.makeRoom(len(members)); err != nil {
		return nil, err
	}
	g, err := mailbox.NewShared(members, &gs.ids)
	if err == nil {
		gs.all = slices.Insert(gs.all, 0, g)
	}
	return g, err
}

// makeRoom closes sets as long as there are too many for a further one, of so many
// members. Preconditions: mu is held.
func (gs *sets) makeRoom(members int) error {
	gs.out = slices.DeleteFunc(gs.out, (*mailbox.Shared).Close)
	kept := mailbox.KeptFor(members)
	if kept > mailbox.MaxKept {
		return &transport.LimitError{Op: fmt.Sprintf("share a segment with %d actors", members), Limit: "segments that the supervisor keeps, each for every actor",
			Value: mailbox.MaxKept, Err: errSetSize, Remedy: "lend for fewer actors at a time"}
	}
	for _, g := range slices.Concat(gs.all, gs.out) {
		kept += mailbox.KeptFor(len(g.Members()))
	}
	for i := len(gs.all) - 1; len(gs.all) >= maxSets || kept > mailbox.MaxKept; i-- {
		if i < 0 {
			e := &transport.LimitError{Op: "share a segment with a set of actors", Limit: "sets of actors with buffers of theirs in use", Value: maxSets,
				Err: errSets, Remedy: "release buffers, or lend for the same set of actors again"}
			if len(gs.all) < maxSets {
				e.Limit, e.Value = "segments that the supervisor keeps for such sets, each for every actor", mailbox.MaxKept
			}
			return e
		}
		g := gs.all[i]
		if !g.Idle() {
			continue
		}
		gs.all = slices.Delete(gs.all, i, i+1)
		if g.Close() {
			kept -= mailbox.KeptFor(len(g.Members()))
		} else {
			gs.out = append(gs.out, g)
		}
	}
	return nil
}

// unmapSets frees the memory of all sets, at the end.
// Preconditions: mu is not held: who looks for a set asks the supervisor meanwhile.
func (n *Node) unmapSets() {
	n.mu.Lock()
	gs := n.sets
	n.mu.Unlock()
	if gs == nil {
		return
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	for _, g := range slices.Concat(gs.all, gs.out) {
		g.Unmap()
	}
}

var (
	errSets    = errors.New("buffers of every set are in use")
	errSetSize = errors.New("they are too many")
)

// Distinct returns ts ordered by number, without duplicates.
func Distinct(ts []*Target) []*Target {
	ts = slices.Clone(ts)
	slices.SortFunc(ts, func(a, b *Target) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(ts, func(a, b *Target) bool { return a.ID == b.ID })
}

// WhenShared repeats lend, which found no block of a set, whenever one of ts may have
// given one back. Fail and Drop are policies of one mailbox: for a set, it fails if the
// mailbox of any of them says so. It also fails if one of them is the caller: what the
// caller's own code has not handled does not come back before that code has returned.
func (n *Node) WhenShared(ctx context.Context, ts []*Target, lend func() error) error {
	for _, t := range ts {
		if t.box != nil && mailbox.Full(t.box.Config.Full) != mailbox.Wait {
			return fmt.Errorf("blocks shared with %s and others: %w", t.Name, mailbox.ErrFull)
		}
		if t.isCaller() {
			return fmt.Errorf("blocks shared with %s and others: %w%s", t.Name, mailbox.ErrFull, callersOwn)
		}
	}
	living := slices.DeleteFunc(slices.Clone(ts), func(t *Target) bool { return t.box == nil || t.gone.Load() != nil })
	if len(living) == 0 {
		_, err := ts[0].Outbox()
		return err
	}
	return n.whenRoom(ctx, living, lend)
}

// UrgentWhenShared is WhenShared for an urgent message: until it returns, no other
// message gets a block of g.
func (n *Node) UrgentWhenShared(ctx context.Context, g *mailbox.Shared, ts []*Target, lend func() error) error {
	g.UrgentWaits(true)
	defer func() {
		g.UrgentWaits(false)
		for _, t := range ts {
			t.room() // a sender that was refused may find some now
		}
	}()
	return n.WhenShared(ctx, ts, lend)
}

// endShares frees the blocks that a target that has ended still held, once the
// supervisor has read what the target left behind: the answer to a question asked after
// Closed comes after that.
func (n *Node) endShares(t *Target) {
	if !t.box.Shares() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed != nil {
		return
	}
	n.helpers.Go(func() {
		_, _ = n.Resolve(background, t.Name) // if it fails, this process is ending
		t.box.EndShares()
		for _, o := range *n.targets.Load() {
			if o != nil {
				o.room() // a sender that waits for a block waits at one of them
			}
		}
	})
}
