package mailbox

import (
	"errors"
	"sync"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
)

// Announce gives the other process a new segment. It returns when the
// supervisor holds the segment, so that a block of it can be named in an entry
// that outlives this process.
type Announce func(id uint16, f transport.File, size, class, blocks int) error

// store is the blocks that one side of a lane lends to the other: a pool made
// at the first large payload.
type store struct {
	max      int64
	name     string
	first    uint32 // generation to begin with: differs between incarnations
	announce Announce

	mu      sync.Mutex
	pool    *segment.Pool
	returns transport.Returns // of the user's page; Tail is nil before there is one
	sent    uint64            // payload bytes that left in blocks
}

// take lends a block of n bytes, or fails with ErrFull when all are lent.
func (s *store) take(n int) (segment.Block, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool == nil {
		s.pool = segment.NewPool(segment.PoolConfig{
			MaxBytes: s.max, Name: s.name, Generation: s.first, Announce: s.announce})
		s.pool.Switch(s.returns, 0)
	}
	s.pool.Collect()
	b, err := s.pool.Take(n)
	if errors.Is(err, segment.ErrDry) {
		return b, ErrFull
	}
	return b, err
}

// put takes back a block that was not sent.
func (s *store) put(b segment.Block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool != nil {
		s.pool.Put(b)
	}
}

// lent records that b travels with the entry of sequence seq.
func (s *store) lent(b segment.Block, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += b.Ref.Length
	if s.pool != nil {
		s.pool.Lent(b, seq)
	}
}

// follow makes r the ring by which blocks come back; those lent before start
// are free.
func (s *store) follow(r transport.Returns, start uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.returns = r
	if s.pool != nil {
		s.pool.Switch(r, start)
	}
}

// lend makes a buffer of n bytes for the sender to fill.
func (s *store) lend(n int) (Buffer, error) {
	b, err := s.take(n)
	if err != nil {
		return Buffer{}, err
	}
	return Buffer{&lease{mem: b.Mem, block: b, from: s}}, nil
}

func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool != nil {
		s.pool.Close()
		s.pool = nil
	}
}

func (s *store) stats() (segment.PoolStats, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool == nil {
		return segment.PoolStats{}, s.sent
	}
	return s.pool.Stats(), s.sent
}
