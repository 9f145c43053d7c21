package mailbox

import (
	"errors"
	"sync/atomic"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Sharing holds the functions by which segments reach the other process, by way of the
// supervisor. Announce, Retire and Passage return when the supervisor has the segment or
// passage, so that an entry that outlives this process can name it.
type Sharing struct {
	Announce func(id uint16, f transport.File, size, class, blocks int) error
	Retire   func(id uint16) error
	Passage  func(exit transport.File) error // of the files of this lane's messages

	// Whole is called when a payload over PoolBytes has got a segment, which
	// Trim retires. nil: the next block that is taken retires it.
	Whole func()

	// Freed is called, without a lock, when a block is free again that its
	// receiver never had or had given back before: no receiver will wake those
	// that wait for one.
	Freed func()
}

// store holds the blocks that one side of a lane lends to the other.
type store struct {
	*segment.Pool
	max    int           // bytes of the largest payload
	most   int           // bytes of the largest payload that a block can have
	pool   int           // bytes of all blocks
	sent   atomic.Uint64 // payload bytes that left in blocks
	whole  func()        // Sharing.Whole
	freed  func()        // Sharing.Freed
	untrim atomic.Bool   // without whole: there may be a segment to Trim
	urgent atomic.Int32  // waiting urgent messages, which get blocks before others
	files  filesOut
	copy   func(dst, src []byte) int // into blocks; of a cpu.Copier

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
	if n > s.most || s.untrim.Load() {
		return s.takeOver(n)
	}
	if b, err = s.Take(n); err != nil {
		err = s.full(err, n)
	}
	return b, err
}

// full returns err, the error of a Take of n bytes, or an ErrFull in place of
// segment.ErrDry.
func (s *store) full(err error, n int) error {
	if errors.Is(err, segment.ErrDry) {
		return &lentError{n, s.pool}
	}
	return err
}

// takeFor is take for a parcel. While an urgent one waits, a parcel that is not urgent
// gets none: otherwise each returned block would go to whoever comes at the right moment.
func (s *store) takeFor(p *parcel, n int) (segment.Block, error) {
	if !p.urgent && s.urgent.Load() > 0 {
		return segment.Block{}, ErrFull
	}
	b, err := s.take(n)
	return b, p.wasRefused(err)
}

// takeOver is take for a payload over PoolBytes, or after one.
func (s *store) takeOver(n int) (segment.Block, error) {
	if err := s.Fits(n); err != nil {
		return segment.Block{}, err
	}
	over := n > s.Largest()
	if !over {
		if none, err := s.Trim(); none && err == nil {
			s.untrim.Store(false)
		}
	}
	b, err := s.Take(n)
	switch {
	case over && errors.Is(err, segment.ErrDry):
		return b, &wholeError{n, s.pool}
	case !over && err != nil:
		return b, s.full(err, n)
	case err != nil || !over:
	case s.whole != nil:
		s.whole()
	default:
		s.untrim.Store(true)
	}
	return b, err
}

// Fits returns nil if a payload of n bytes can be sent, and otherwise the
// *transport.SizeError that says what the receiver allows.
func (s *store) Fits(n int) error {
	if n <= s.max {
		return nil
	}
	return &transport.SizeError{What: "payload", Size: n, Limit: s.max,
		Remedy: "raise mailbox.Config.MaxBytes of its receiver, or send it as a stream (actor.NewStream)"}
}

// refusal returns err, unless blocks of these sizes can never be lent at one time: then
// it returns the *transport.SizeError that says so.
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

// recall undoes lent, and reports whether that was possible.
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

// lend lends a buffer of n bytes for the sender to fill.
func (s *store) lend(n int) (Buffer, error) {
	if s.urgent.Load() > 0 {
		return Buffer{}, ErrFull // the buffer may be for a message that is not urgent
	}
	if n > s.most || s.untrim.Load() {
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
