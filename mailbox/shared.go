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

// Shared is segments of this process that are mapped by the receivers of several
// outboxes, and by nobody else: a buffer lent from it is sent to all of them
// without a copy for each.
//
//	       ┌─ entry ─► lane to A ─┐
//	block ─┼─ entry ─► lane to B ─┼─ each gives its part back by its own return ring
//	       └─ entry ─► lane to C ─┘  the last part frees the block
//
// Who has a part in a block is in this process's heap: in the block's lease how
// many, and in each lane's pool since which entry. So a receiver that dies gives
// its parts back with its page, and the others do not notice.
//
// Segments of small blocks do not make way for a large one, as those of one outbox do
// (segment.Pool.Want). That must not close a segment of which a receiver keeps a block,
// since it might never come back; who keeps one of a set only the pools of all its
// lanes know together, each behind a lock that is held while the set's is taken.
type Shared struct {
	members []*Outbox
	ids     *SharedIDs
	pool    *segment.Pool

	growing sync.Mutex // while a segment is announced: Close takes back what all have heard of

	mu     sync.Mutex
	wire   map[uint16]uint16 // what the receivers call a segment of the pool
	closed atomic.Bool
	first  atomic.Int32 // urgent messages that wait: they get blocks before others
	away   atomic.Int32 // blocks that only receivers have
}

// SharedIDs hands out the numbers of one process's shared segments, which mean
// the same in all its lanes. The zero value is ready.
type SharedIDs struct {
	mu   sync.Mutex
	next uint16 // never used, less segment.SharedIDs
	free []uint16
}

// take returns a number that was never used, as long as there is one, and then
// the one that has been free for longest: a receiver may still have to learn that
// the segment which had it before was taken back.
func (s *SharedIDs) take() (uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const limit = math.MaxUint16 - segment.SharedIDs // the last one stands for files
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
		Announce: g.announce, Retire: g.retire, Away: func() bool { return g.away.Load() > 0 }})
	return g, nil
}

// segmentsFor returns how many segments a set of so many members may have. The supervisor
// keeps each segment for every member, and ends a process that has it keep more than
// 16,384. All sets together use three quarters of these.
func segmentsFor(members int) int {
	return min(max(2, 12<<10/segment.MaxSharing/members), segment.MaxViewSegments)
}

// Members is the outboxes of the set. They are not to be changed.
func (g *Shared) Members() []*Outbox { return g.members }

func (g *Shared) has(s *store) bool {
	return slices.ContainsFunc(g.members, func(o *Outbox) bool { return o.store == s })
}

// announce gives a new segment to all receivers.
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

// retire takes a segment of which no block is out back from all receivers.
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

// UrgentWaits says that an urgent message to the set waits for a block of it, or no
// longer does. While one does, no other gets one.
func (g *Shared) UrgentWaits(yes bool) {
	if yes {
		g.first.Add(1)
	} else {
		g.first.Add(-1)
	}
}

// Lend makes a buffer of n bytes that every receiver of the set can read.
// ErrFull says that all blocks are out.
func (g *Shared) Lend(n int) (Buffer, error) {
	if n < 0 {
		return Buffer{}, fmt.Errorf("mailbox: Lend of %d bytes", n)
	}
	if g.first.Load() > 0 {
		return Buffer{}, ErrFull // it is not known for what
	}
	return g.lend(n)
}

// lend is Lend for a message that is not held up by urgent ones.
func (g *Shared) lend(n int) (Buffer, error) {
	// What has come back is in the return rings of the lanes.
	for _, o := range g.members {
		o.store.Collect()
	}
	b, err := g.pool.Take(n)
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

// Idle says whether no block of the set is out.
func (g *Shared) Idle() bool {
	for _, o := range g.members {
		o.store.Collect()
	}
	return g.pool.Stats().Taken == 0
}

// Closed says whether Close was called: then nothing can be lent any more, and
// somebody else has made room for a set of his.
func (g *Shared) Closed() bool { return g.closed.Load() }

// Close takes the set's segments back, if it is Idle. What is not given back
// stays mapped for those who have it.
func (g *Shared) Close() {
	g.closed.Store(true)
	_ = g.pool.Close()
	idle := g.Idle() // and stays so: nobody can lend any more
	g.growing.Lock()
	defer g.growing.Unlock()
	g.mu.Lock()
	all := g.wire
	g.wire = map[uint16]uint16{}
	g.mu.Unlock()
	for _, wire := range all {
		for _, o := range g.members {
			if idle && o.sharing.Retire(wire) != nil {
				idle = false
			}
		}
		if idle {
			g.ids.put(wire)
		}
	}
}

// Returned is called when one receiver has no part in the block any more.
func (l *lease) Returned(ref segment.BlockRef) {
	if l.partEnds(ref.Generation) {
		l.set.away.Add(-1)
	}
}

// ownEnds ends the sender's part in the block of a set, and reports whether that has freed
// the block.
func (l *lease) ownEnds(generation uint32) (freed bool) {
	if freed = l.partEnds(generation); !freed {
		l.set.away.Add(1)
	}
	return freed
}

// partEnds ends one part in the block of a set: the sender's, or a receiver's.
// The last one frees it.
func (l *lease) partEnds(generation uint32) (freed bool) {
	freed = l.parts.Add(-1) == 0
	if freed {
		l.set.pool.Put(segment.Block{Ref: segment.BlockRef{Segment: l.home, Index: l.index, Generation: generation}})
	}
	return freed
}

// tellFreed tells all who may wait for a block of the set that one is free, of which
// no receiver tells: its last part was the sender's. No outbox may be locked.
func (g *Shared) tellFreed() {
	for _, o := range g.members {
		o.store.tellFreed()
	}
}

// share gives the receiver of s a part in the block, with the entry of sequence
// seq.
func (l *lease) share(s *store, generation uint32, length, seq uint64) error {
	l.parts.Add(1) // before the receiver can return it
	err := s.Share(l.ref(generation, length), seq, l)
	if err != nil {
		l.parts.Add(-1) // not the last one: the sender has its own
		if errors.Is(err, segment.ErrDry) {
			err = ErrFull
		}
		return err
	}
	return nil
}
