package mailbox

import (
	"errors"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
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
	Whole    func()                          // a payload over the pool has a segment, which Trim takes back. nil: the next block does
	Freed    func()                          // a block is free that its receiver never had, or had no longer: nobody else tells who waits for one. It is called without a lock
}

// store is the blocks that one side of a lane lends to the other.
type store struct {
	*segment.Pool
	max   int           // bytes of one payload
	most  int           // bytes of one that a block may have
	pool  int           // bytes of all blocks
	sent  atomic.Uint64 // payload bytes that left in blocks
	whole func()        // of Sharing
	freed func()        // of Sharing
	left  atomic.Bool   // without it: there may be such a segment
	first atomic.Int32  // urgent messages that wait: they get blocks before others
	files filesOut
	copy  func(dst, src []byte) int // into blocks: of a cpu.Copier

	contended atomic.Uint64 // messages that gave back, unsent, blocks that others were refused
}

func newStore(cfg wire.Mailbox, name string, first uint32, s Sharing) *store {
	st := &store{max: int(cfg.MaxBytes), pool: int(cfg.PoolBytes), whole: s.Whole, freed: s.Freed, files: filesOut{announce: s.Passage}, Pool: segment.NewPool(segment.PoolConfig{
		MaxBytes: int64(cfg.PoolBytes), MaxWhole: int64(cfg.MaxBytes), Form: segment.Form(cfg.Segment), Policy: segment.Policy(cfg.Blocks), Name: name, Generation: first, Announce: s.Announce, Retire: s.Retire})}
	st.copy = new(cpu.Copier).Copy
	st.most = min(st.max, st.Largest())
	return st
}

// take lends a block of n bytes, or fails with ErrFull when all are lent.
func (s *store) take(n int) (b segment.Block, err error) {
	if n > s.most || s.left.Load() {
		return s.takeOver(n)
	}
	if b, err = s.Take(n); err != nil {
		err = s.full(err, n)
	}
	return b, err
}

// full is the error of a Take of n bytes, or an ErrFull for segment.ErrDry.
func (s *store) full(err error, n int) error {
	if errors.Is(err, segment.ErrDry) {
		return &lentError{n, s.pool}
	}
	return err
}

// takeFor is take for a parcel. One that is not urgent finds the blocks lent while
// an urgent one waits: else whoever comes at the right moment would get each
// block that comes back.
func (s *store) takeFor(p *parcel, n int) (segment.Block, error) {
	if !p.urgent && s.first.Load() > 0 {
		return segment.Block{}, ErrFull
	}
	b, err := s.take(n)
	return b, p.wasRefused(err)
}

// takeOver is take for a payload over the pool, or after one.
func (s *store) takeOver(n int) (segment.Block, error) {
	if err := s.Fits(n); err != nil {
		return segment.Block{}, err
	}
	over := n > s.Largest()
	if !over {
		if none, err := s.Trim(); none && err == nil {
			s.left.Store(false)
		}
	}
	b, err := s.Take(n)
	switch {
	case errors.Is(err, segment.ErrDry):
		return b, ErrFull
	case err != nil || !over:
	case s.whole != nil:
		s.whole()
	default:
		s.left.Store(true)
	}
	return b, err
}

// Fits is nil when a payload of n bytes can be sent, or else the
// *transport.SizeError that says what the receiver allows.
func (s *store) Fits(n int) error {
	if n <= s.max {
		return nil
	}
	return &transport.SizeError{What: "payload", Size: n, Limit: s.max,
		Remedy: "raise mailbox.Config.MaxBytes of its receiver, or send it as a stream (actor.NewStream)"}
}

// refusal is err, unless blocks of these sizes can never be lent at one time: then it is
// the *transport.SizeError that says so.
func (s *store) refusal(sizes []int, err error) error {
	if size := (*transport.SizeError)(nil); errors.As(s.FitTogether(sizes...), &size) {
		size.What, size.Remedy = "memory of one message's blocks", "send it in several messages, or raise mailbox.Config.PoolBytes of its receiver"
		return size
	}
	return err
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

// Put gives back a block that was taken and not sent.
func (s *store) Put(b segment.Block) {
	s.Pool.Put(b)
	s.tellFreed()
}

func (s *store) tellFreed() {
	if s.freed != nil {
		s.freed()
	}
}

// lend makes a buffer of n bytes for the sender to fill.
func (s *store) lend(n int) (Buffer, error) {
	if s.first.Load() > 0 {
		return Buffer{}, ErrFull // it is not known for what
	}
	if n > s.most || s.left.Load() {
		b, err := s.takeOver(n)
		if err != nil {
			return Buffer{}, err
		}
		return s.writing(b.Slot, n), nil
	}
	slot, err := s.TakeSlot(n)
	if err != nil {
		return Buffer{}, s.full(err, n)
	}
	return s.writing(slot, n), nil
}
