package mailbox

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// Shared is a set of receivers, those of several outboxes, and the segments that they
// and nobody else map: a buffer lent from a Shared is sent to all of them without a copy
// for each.
//
//	       ┌─ entry ─► lane to A ─┐
//	block ─┼─ entry ─► lane to B ─┼─ each gives its share back by its own return ring
//	       └─ entry ─► lane to C ─┘  the last share frees the block
//
// Who has a share in a block is recorded in this process's heap: the block's lease counts
// the shares, and each lane's pool knows since which entry its receiver has one. So when
// a receiver dies, its shares end with its page, and the others do not notice.
//
// Unlike those of one outbox (segment.Pool.Want), segments of small blocks do not give
// way to a large one. A segment of which a receiver keeps a block must not be closed,
// since the block might never come back. Whether a receiver of a set keeps one, only the
// pools of all its lanes together know, and each has a lock that may be held while that
// of the set's pool is taken. But a block beyond the set's bytes can be made beside those that
// the receivers keep; see allKept.
type Shared struct {
	members []*Outbox
	ids     *SharedIDs
	pool    *segment.Pool

	growing sync.Mutex // held while a segment is announced, so that Close retires only what all receivers know

	mu     sync.Mutex
	wire   map[uint16]uint16 // by segment of the pool: the number that the receivers know
	closed atomic.Bool
	urgent atomic.Int32 // waiting urgent messages, which get blocks before others
	away   atomic.Int32 // blocks that only receivers have
	vain   atomic.Int32 // Takes for which it is in vain to wait for these; see allKept
}

// SharedIDs allocates the numbers of one process's shared segments, which mean the same
// in all its lanes. The zero value is ready to use.
type SharedIDs struct {
	mu   sync.Mutex
	next uint16 // the next unused number, less segment.SharedIDs
	free []uint16
}

// take returns an unused number, as long as there is one, and then the one that has been
// free for longest, since a receiver may still have to learn that the segment which had
// it before was retired.
func (s *SharedIDs) take() (uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const limit = math.MaxUint16 - segment.SharedIDs // the last number stands for files
	if s.next < limit {
		s.next++
		return segment.SharedIDs + s.next - 1, nil
	}
	if len(s.free) == 0 {
		return 0, &transport.LimitError{Op: "share a segment", Limit: "shared segments of a process", Value: limit,
			Err: errors.New("all are in use"), Remedy: "send to the same sets of actors again"}
	}
	id := s.free[0]
	s.free = s.free[1:]
	return id, nil
}

func (s *SharedIDs) put(id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, id)
}

// NewShared makes a set of the receivers of members. Its segments have the form
// that all of them expect, and as many bytes as the smallest of their pools.
func NewShared(members []*Outbox, ids *SharedIDs) (*Shared, error) {
	first := members[0].Config
	bytes := first.PoolBytes
	for _, o := range members[1:] {
		if o.Config.Segment != first.Segment {
			return nil, fmt.Errorf("mailbox: the mailboxes of a set must have one form of segment, not %v and %v: set mailbox.Config.Segment alike",
				segment.Form(first.Segment), segment.Form(o.Config.Segment))
		}
		bytes = min(bytes, o.Config.PoolBytes)
	}
	g := &Shared{members: members, ids: ids, wire: map[uint16]uint16{}}
	g.pool = segment.NewPool(segment.PoolConfig{MaxBytes: int64(bytes), MaxSegments: segmentsFor(len(members)), Form: segment.Form(first.Segment), Name: "shared",
		Announce: g.announce, Retire: g.retire, Away: func() bool { return g.away.Load() > 0 && g.vain.Load() == 0 }})
	return g, nil
}

// MaxKept bounds the segments that the supervisor keeps for all sets of a process, each for
// every member of its set. It ends a process that has it keep more than 16,384; the others
// are those of single mailboxes.
const MaxKept = 12 << 10

// segmentsFor returns how many segments a set of so many members may have.
func segmentsFor(members int) int {
	return min(max(2, MaxKept/segment.MaxSharing/members), segment.MaxViewSegments)
}

// KeptFor returns how many segments the supervisor may have to keep for a set of so many
// members.
func KeptFor(members int) int { return segmentsFor(members) * members }

// Members returns the outboxes of the set. The caller must not change the slice.
func (g *Shared) Members() []*Outbox { return g.members }

func (g *Shared) has(s *store) bool {
	return slices.ContainsFunc(g.members, func(o *Outbox) bool { return o.store == s })
}

// announce announces a new segment to all receivers.
func (g *Shared) announce(id uint16, f transport.File, size, class, blocks int) error {
	g.growing.Lock()
	defer g.growing.Unlock()
	if g.closed.Load() {
		return transport.ErrClosed
	}
	wire, err := g.ids.take()
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.wire[id] = wire
	g.mu.Unlock()
	for _, o := range g.members {
		if err := o.sharing.Announce(wire, f, size, class, blocks); err != nil {
			return err // the link is lost: this process ends
		}
	}
	return nil
}

// retire takes back from all receivers a segment of which no block is out.
func (g *Shared) retire(id uint16) error {
	g.mu.Lock()
	wire := g.wire[id]
	delete(g.wire, id)
	g.mu.Unlock()
	for _, o := range g.members {
		if err := o.sharing.Retire(wire); err != nil {
			return err
		}
	}
	g.ids.put(wire)
	return nil
}

// UrgentWaits records that an urgent message to the set begins, or ends, to wait for a
// block of it. While one waits, no other message gets a block.
func (g *Shared) UrgentWaits(yes bool) {
	if yes {
		g.urgent.Add(1)
	} else {
		g.urgent.Add(-1)
	}
}

// Lend lends a buffer of n bytes that every receiver of the set can read. ErrFull means
// that all blocks are out.
func (g *Shared) Lend(n int) (Buffer, error) {
	if n < 0 {
		return Buffer{}, fmt.Errorf("mailbox: Lend of %d bytes", n)
	}
	if g.urgent.Load() > 0 {
		return Buffer{}, ErrFull // the buffer may be for a message that is not urgent
	}
	return g.lend(n)
}

// lend is Lend for a message that is not held up by urgent ones.
func (g *Shared) lend(n int) (Buffer, error) {
	// Returned blocks are in the return rings of the lanes.
	for _, o := range g.members {
		o.store.Collect()
	}
	b, err := g.pool.Take(n)
	if errors.Is(err, segment.ErrDry) && g.away.Load() > 0 && g.allKept() {
		g.vain.Add(1)
		b, err = g.pool.Take(n)
		g.vain.Add(-1)
	}
	if err != nil {
		if errors.Is(err, segment.ErrDry) {
			err = ErrFull
		}
		if e := (*transport.SizeError)(nil); errors.As(err, &e) {
			err = &transport.SizeError{What: e.What, Size: e.Size, Limit: e.Limit,
				Remedy: "raise mailbox.Config.PoolBytes of all these actors, or send it in several parts"}
		}
		return Buffer{}, err
	}
	l, ok := b.Slot.User.(*lease)
	if !ok {
		g.mu.Lock()
		wire := g.wire[b.Ref.Segment]
		g.mu.Unlock()
		l = &lease{mem: b.Slot.Mem, segment: wire, index: b.Ref.Index, set: g, home: b.Ref.Segment}
		b.Slot.User = l
	}
	l.parts.Store(1) // the sender's
	l.begin(b.Ref.Generation, leaseWriting)
	return Buffer{l: l, generation: b.Ref.Generation, n: n}, nil
}

// allKept reports whether the receivers have dealt with all messages by which they have a
// share in a block: they keep those blocks, perhaps until they are sent another one. So a
// block beyond the bytes of the set may be made beside them, as beside those that the
// receiver of one outbox keeps.
func (g *Shared) allKept() bool {
	return !slices.ContainsFunc(g.members, (*Outbox).sharesUnread)
}

// sharesUnread reports whether the receiver has a share in a block of a message with which
// it has not dealt, or will lose its shares because it is gone.
func (o *Outbox) sharesUnread() bool {
	o.mu.Lock() // keeps the page mapped
	defer o.mu.Unlock()
	if o.closed {
		return o.Shares()
	}
	return o.store.SharesAfter(o.lane.Handled())
}

// Idle reports whether no block of the set is out.
func (g *Shared) Idle() bool {
	for _, o := range g.members {
		o.store.Collect()
	}
	return g.pool.Stats().Taken == 0
}

// Closed reports whether Close was called: then nothing can be lent any more. It may have
// been closed to make room for another set.
func (g *Shared) Closed() bool { return g.closed.Load() }

// Close retires the set's segments and reports whether it has. It does not while blocks
// are out, which stay readable for those that have them: then it has to be called again.
func (g *Shared) Close() (over bool) {
	g.closed.Store(true)
	_ = g.pool.Close()
	if !g.Idle() {
		return false
	}
	// And it stays idle: nobody can lend any more.
	g.growing.Lock()
	defer g.growing.Unlock()
	g.mu.Lock()
	all := g.wire
	g.wire = map[uint16]uint16{}
	g.mu.Unlock()
	told := true
	for _, wire := range all {
		for _, o := range g.members {
			if told && o.sharing.Retire(wire) != nil {
				told = false // the link is lost: this process ends
			}
		}
		if told {
			g.ids.put(wire)
		}
	}
	return true
}

// Unmap frees the set's memory in this process when it ends, since no receiver will give
// anything back to it any more. A buffer that somebody here has stays mapped until its
// Release.
func (g *Shared) Unmap() {
	g.closed.Store(true)
	for _, o := range g.members {
		o.EndShares()
	}
	_ = g.pool.Close()
}

// Returned is called when a receiver no longer has a share in the block.
func (l *lease) Returned(ref segment.BlockRef) {
	if l.partEnds(ref.Generation) {
		l.set.away.Add(-1)
	}
}

// ownEnds ends the sender's share in the block of a set, and reports whether that has
// freed the block.
func (l *lease) ownEnds(generation uint32) (freed bool) {
	if freed = l.partEnds(generation); !freed {
		l.set.away.Add(1)
	}
	return freed
}

// partEnds ends one share in the block of a set, the sender's or a receiver's, and frees
// the block with the last one.
func (l *lease) partEnds(generation uint32) (freed bool) {
	freed = l.parts.Add(-1) == 0
	if freed {
		l.set.pool.Put(segment.Block{Ref: segment.BlockRef{Segment: l.home, Index: l.index, Generation: generation}})
	}
	return freed
}

// tellFreed wakes those that wait for a block of the set when the sender's share was the
// last one of a block, so that no receiver wakes them. No outbox may be locked.
func (g *Shared) tellFreed() {
	for _, o := range g.members {
		o.store.tellFreed()
	}
}

// share gives the receiver of s a share in the block, with the entry of sequence seq.
func (l *lease) share(s *store, generation uint32, length, seq uint64) error {
	l.parts.Add(1) // before the receiver can return it
	err := s.Share(l.ref(generation, length), seq, l)
	if err != nil {
		l.parts.Add(-1) // never the last one: the sender still has its share
		if errors.Is(err, segment.ErrDry) {
			err = ErrFull
		}
		return err
	}
	return nil
}
