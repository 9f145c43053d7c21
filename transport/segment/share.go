package segment

import (
	"fmt"

	"github.com/understudy-go/understudy/transport"
)

// SharedIDs is the first segment id of blocks that several users are handed at a
// time. A segment with a lower id belongs to one pool and its one user.
const SharedIDs = 1 << 15

// share is one user's share in a block that several users were handed. It had the block
// with the queue entry of sequence seq.
type share struct {
	seq uint64
	by  Sharer
}

// Sharer lends one block to several users. Returned is called once for each of them,
// while the pool of that user is locked: it must not call a method of that pool.
type Sharer interface{ Returned(ref BlockRef) }

// Share records that the pool's user is handed a block of by with the queue entry of
// sequence seq. The id of the block's segment is SharedIDs or more. Call Share before
// that entry is committed. by learns when the user has no share in the block any more:
// the user has returned it, or is dead and its successor will not handle the entry.
// Share fails with ErrDry if the return ring has no place for the block.
func (p *Pool) Share(ref BlockRef, seq uint64, by Sharer) error {
	key := transport.PackReturn(ref.Segment, ref.Index, ref.Generation)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return errTakeClosed
	}
	if p.out+len(p.shares) >= transport.ReturnEntries {
		if p.collect() == 0 {
			p.dry.Add(1)
			return ErrDry
		}
	}
	if _, ok := p.shares[key]; ok {
		return fmt.Errorf("segment: block %d of segment %d was handed to this user already", ref.Index, ref.Segment)
	}
	if p.shares == nil {
		p.shares = map[uint64]share{}
	}
	p.shares[key] = share{seq, by}
	return nil
}

// Unshare undoes Share, for an entry that could not be committed.
func (p *Pool) Unshare(ref BlockRef) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unshare(ref)
}

// unshare ends the user's share in a block, and returns false if it has none.
// Preconditions: mu is held.
func (p *Pool) unshare(ref BlockRef) bool {
	key := transport.PackReturn(ref.Segment, ref.Index, ref.Generation)
	s, ok := p.shares[key]
	if ok {
		delete(p.shares, key)
		s.by.Returned(ref)
	}
	return ok
}

// Shared returns the number of blocks in which the user has a share.
func (p *Pool) Shared() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.shares)
}

// SharesAfter reports whether the user, who has dealt with the entries before at, has a
// share with a later one.
func (p *Pool) SharesAfter(at transport.Place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.shares {
		if !at.Before(s.seq) {
			return true
		}
	}
	return false
}

// EndShares ends the user's share in every block that was handed to it with an entry
// before seq: the user is dead, and nobody will read them there.
func (p *Pool) EndShares(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endShares(func(s uint64) bool { return s < seq })
}

// endShares ends the user's shares in blocks that were handed to it with entries for
// which before returns true. Preconditions: mu is held.
func (p *Pool) endShares(before func(seq uint64) bool) {
	for key, s := range p.shares {
		if before(s.seq) {
			delete(p.shares, key)
			id, index, generation := transport.UnpackReturn(key)
			s.by.Returned(BlockRef{Segment: id, Index: index, Generation: generation})
		}
	}
}
