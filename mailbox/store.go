package mailbox

import (
	"errors"
	"sync/atomic"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Sharing is how segments reach the other process: by way of the supervisor.
// The functions return when the supervisor knows, so that a block can be
// named in an entry that outlives this process.
type Sharing struct {
	Announce func(id uint16, f transport.File, size, class, blocks int) error
	Retire   func(id uint16) error
	Passage  func(exit transport.File) error // of the files of this lane's messages
}

// store is the blocks that one side of a lane lends to the other.
type store struct {
	*segment.Pool
	sent  atomic.Uint64 // payload bytes that left in blocks
	files filesOut
}

func newStore(cfg wire.Mailbox, name string, first uint32, s Sharing) *store {
	return &store{files: filesOut{announce: s.Passage}, Pool: segment.NewPool(segment.PoolConfig{
		MaxBytes: int64(cfg.PoolBytes), Form: segment.Form(cfg.Segment), Policy: segment.Policy(cfg.Blocks), Name: name, Generation: first, Announce: s.Announce, Retire: s.Retire})}
}

// take lends a block of n bytes, or fails with ErrFull when all are lent.
func (s *store) take(n int) (b segment.Block, err error) {
	if b, err = s.Take(n); err != nil && errors.Is(err, segment.ErrDry) {
		err = ErrFull
	}
	return b, err
}

// lent records that b is about to travel with the entry of sequence seq.
func (s *store) lent(b segment.Block, seq uint64) {
	s.Lent(b, seq)
	s.sent.Add(b.Ref.Length)
}

// recall undoes lent, if that is possible.
func (s *store) recall(b segment.Block) bool {
	s.sent.Add(-b.Ref.Length)
	return s.Recall(b)
}

// lend makes a buffer of n bytes for the sender to fill.
func (s *store) lend(n int) (Buffer, error) {
	b, err := s.take(n)
	if err != nil {
		return Buffer{}, err
	}
	return s.writing(&b), nil
}
