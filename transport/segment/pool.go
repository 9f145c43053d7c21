package segment

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-go/understudy/internal/cpu"
	"github.com/understudy-go/understudy/transport"
)

// Defaults and bounds of a pool.
const (
	defaultMaxBytes = 64 << 20 // bytes of a pool's segments together
	defaultMinClass = 4 << 10  // bytes of the smallest block
	maxPoolBytes    = 1 << 40  // bytes; the largest MaxBytes
)

// PoolConfig says what a pool may use. The zero value of each field is its
// default, except for Announce, which a pool needs unless nobody else is to
// read its blocks.
type PoolConfig struct {
	MaxBytes    int64  // bytes of all blocks together, rounded down to 4 KiB; 0 means 64 MiB. For an exception see overdraw
	MaxWhole    int64  // bytes of the largest payload; one over MaxBytes has a segment of its own. 0 means MaxBytes
	MinClass    int    // bytes of the smallest block, a power of two from 4 KiB up; 0 means 4 KiB
	MaxSegments int    // 1 to MaxViewSegments; 0 means MaxViewSegments
	Name        string // for people who read /proc/PID/maps
	Form        Form   // of the segments
	Policy      Policy // how they are cut into blocks; the user must know it
	Generation  uint32 // of the first lending; should differ between successive pools with one user

	// Announce gives the user a new segment: blocks blocks (of an arena: units) of
	// class bytes in size bytes. It is called once for each segment, before a block
	// of it is lent, one call at a time, by Take or in a goroutine of the pool. It
	// may block; the other methods of the pool, also Close, work meanwhile. f stays
	// the pool's.
	Announce func(id uint16, f transport.File, size, class, blocks int) error

	// Retire takes back from the user a segment of which it has no block. It is
	// called like Announce, when MaxBytes is used up by idle segments of other
	// classes. The id can be announced again later. nil: segments are never taken
	// back, and a class that finds all bytes in use by others is refused.
	Retire func(id uint16) error

	// Away reports whether users have blocks that were never Lent here, as a set of
	// users has, and will give some back by themselves. It is called with the pool
	// locked. nil: they have none.
	Away func() bool
}

// withDefaults fills in what is 0, and moves the rest into its bounds.
func (c PoolConfig) withDefaults() PoolConfig {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	c.MaxBytes = min(max(c.MaxBytes, pageBytes), maxPoolBytes) &^ (pageBytes - 1)
	if c.MinClass == 0 {
		c.MinClass = defaultMinClass
	}
	c.MinClass = 1 << bits.Len64(uint64(min(max(int64(c.MinClass), pageBytes), c.MaxBytes)-1))
	if c.Policy == PolicyArena {
		c.MinClass = int(arenaUnit(int64(c.MinClass), c.MaxBytes))
		c.MaxBytes &^= int64(c.MinClass) - 1
	}
	if c.MaxSegments <= 0 || c.MaxSegments > MaxViewSegments {
		c.MaxSegments = MaxViewSegments
	}
	if c.Name == "" {
		c.Name = "pool"
	}
	if c.MaxWhole <= 0 {
		c.MaxWhole = c.MaxBytes
	}
	c.MaxWhole = min(c.MaxWhole, maxPoolBytes)
	return c
}

// Block is a block that was taken from a pool.
type Block struct {
	Ref  BlockRef // names it in a queue entry
	Mem  []byte   // the bytes asked for; the capacity is the whole block
	Slot *Slot    // of the place where the block begins
}

// Slot holds what the owner keeps of a block between lendings. There is one for each
// place where a block can begin, made when one first does.
type Slot struct {
	User any    // for whoever has taken the block
	Mem  []byte // from the block's beginning to where the longest block that begins there ends

	entry *entry
	home  uint16 // its segment
	index uint16
}

// Place returns the segment and the index of s.
func (s *Slot) Place() (segment, index uint16) { return s.home, s.index }

// Generation returns the generation of the current lending of the block at s.
func (s *Slot) Generation() uint32 { return s.entry.generation }

// block returns the block taken at s.
func (s *Slot) block() Block {
	e := s.entry
	return Block{
		Ref: BlockRef{Segment: s.home, Index: s.index, Generation: e.generation, Length: uint64(e.length)},
		Mem: s.Mem[:e.length:e.room], Slot: s,
	}
}

// Pool is the owner's side of lent blocks. All methods may be called by any
// goroutine.
type Pool struct {
	cfg    PoolConfig
	create func(size int) (*Memory, error)
	now    func() time.Duration // monotonic
	spawn  func(f func())       // calls f in a goroutine of its own; mu is held
	ample  func() bool          // whether segments may be made that nobody needs

	grow sync.Mutex // held while a segment is made or retired; taken before mu

	mu       sync.Mutex
	closed   atomic.Bool // written under mu
	shelves  []shelf
	shift    uint          // log2 of the smallest class
	arena    *buddy        // of an arena, once its segment has been made
	unit     int64         // bytes of a unit of an arena; 0: not an arena
	arenaID  uint16        // of the arena's segment
	segments []*owned      // by id; nil: retired, or not announced yet
	inUse    int           // segments, those being made included
	bytes    int64         // of the blocks of these
	blocks   int           // their blocks
	out      int           // blocks that are not free
	next     uint32        // generation of the next lending
	dry      atomic.Uint64 // Takes that failed with ErrDry; written under mu
	spare    int           // blocks and segments kept back for whole; see whole.go
	giving   *owned        // a segment that is closed for a class that has borrowed for long, or nil
	whole    *owned        // the segment of a payload over MaxBytes, or nil
	wholeID  uint16
	ids      []uint16 // segment ids that can be used again
	back     ring
	widening bool             // see widen
	weary    int              // Takes to go until settle may wait again
	shares   map[uint64]share // by return entry: shared blocks that this pool's user was handed

	wants   []int           // by shelf: how many wait for a block; see want.go
	wanted  int             // the shelf for which segments are closed, or 0
	handled transport.Place // how far the user has dealt with the entries
}

// owned is one segment with its part of the ledger.
type owned struct {
	mem     *Memory
	bytes   int64 // of its blocks
	shelf   int
	busy    int  // blocks that are not free
	closing bool // it lends nothing, and its free blocks are on no shelf
	ledger  []entry
}

// entry is the ledger's record of one block.
//
//	free ──Take──► taken ──Lent──► lent ──Collect, Switch──► free
//	  ▲              │               │
//	  └─────Put──────┴───────────────┘
//
// All fields but seq change under mu. Lent, called for each message, does not need
// it: until it stores seq the block belongs to its caller alone.
type entry struct {
	out        bool          // taken or lent
	generation uint32        // of the lending
	seq        atomic.Uint64 // of the queue entry with which it is lent; inHand while it is taken
	length     int64         // bytes that were asked for
	room       int64         // bytes that it has
	slot       *Slot         // nil until it is first taken
}

// inHand takes the place of the sequence while a block is taken. It is no sequence.
const inHand = 1<<64 - 1

func (e *entry) taken() bool { return e.out && e.seq.Load() == inHand }
func (e *entry) lent() bool  { return e.out && e.seq.Load() != inHand }

// NewPool makes an empty pool. Values of cfg beyond a bound are moved to that bound.
func NewPool(cfg PoolConfig) *Pool {
	begun := time.Now()
	p := &Pool{cfg: cfg.withDefaults(), next: cfg.Generation, now: func() time.Duration { return time.Since(begun) }}
	p.spawn = func(f func()) { go f() }
	p.ample = func() bool { return !scarce(p.cfg.Form) }
	p.create = func(size int) (*Memory, error) {
		return Create(p.cfg.Name, size, Options{Form: p.cfg.Form, Populate: true})
	}
	if p.cfg.MaxWhole > p.cfg.MaxBytes {
		p.spare = 1
	}
	p.shelves = makeShelves(int64(p.cfg.MinClass), p.cfg.MaxBytes)
	p.shift = uint(bits.TrailingZeros64(uint64(p.shelves[0].class)))
	if p.cfg.Policy == PolicyArena { // everything is one class
		p.unit, p.shelves = int64(p.cfg.MinClass), makeShelves(p.cfg.MaxBytes, p.cfg.MaxBytes)
	}
	return p
}

// Take takes a block for n bytes: of the class that fits best, or of a larger one
// when that class can get no more. A payload over MaxBytes gets a segment of its own.
// Take fails with ErrDry when every block that would do is lent, with a
// *transport.SizeError when n is over MaxBytes and MaxWhole, and with the error of
// Announce, Retire or the machine when it needs a new segment. Only in that case does
// it block and allocate; it also allocates a little when a block first begins in a
// place.
func (p *Pool) Take(n int) (Block, error) {
	s, err := p.TakeSlot(n)
	if err != nil {
		return Block{}, err
	}
	return s.block(), nil
}

// TakeSlot is Take for callers that need only the block's place.
func (p *Pool) TakeSlot(n int) (*Slot, error) {
	if uint64(n) > uint64(p.cfg.MaxBytes) {
		return p.takeWhole(n)
	}
	k := p.shelfFor(n)
	p.mu.Lock()
	sh := &p.shelves[k]
	if sh.phase != resting {
		p.watch(sh)
	}
	if sh.left--; sh.left == 0 {
		p.turn(k)
	}
	s := p.pop(k, k+1, n)
	if s == nil {
		s = p.borrow(k, n)
	}
	p.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if p.closed.Load() {
		return nil, errTakeClosed
	}
	return p.takeSlow(k, n)
}

// Largest returns the bytes of the largest class; a larger payload has a segment of
// its own.
func (p *Pool) Largest() int { return int(p.cfg.MaxBytes) }

// Fits returns nil if a block of n bytes is possible, and otherwise the
// *transport.SizeError with which Take would fail.
func (p *Pool) Fits(n int) error {
	most := max(p.cfg.MaxBytes, p.cfg.MaxWhole)
	if n >= 0 && int64(n) <= most {
		return nil
	}
	return &transport.SizeError{What: "block", Size: n, Limit: int(most),
		Remedy: "send it in several parts, or raise the bytes of the pool"}
}

// FitTogether returns nil if blocks of all these sizes can be lent at one time, and
// otherwise a *transport.SizeError. Each size must fit alone.
func (p *Pool) FitTogether(sizes ...int) error {
	total, whole, over := int64(0), int64(0), 0
	for _, n := range sizes {
		switch {
		case int64(n) > p.cfg.MaxBytes:
			whole += int64(n)
			over++
		case p.unit != 0:
			total += int64(runFor(p.unitsFor(n), int(p.cfg.MaxBytes/p.unit))) * p.unit
		default:
			total += p.shelves[p.shelfFor(n)].class
		}
	}
	if over > 1 {
		total += whole
	}
	if total <= p.cfg.MaxBytes {
		return nil
	}
	return &transport.SizeError{What: "memory of blocks at one time", Size: int(total), Limit: int(p.cfg.MaxBytes),
		Remedy: "lend them one after another, or raise the bytes of the pool"}
}

// Asked returns the number of bytes for which the block of s was last taken.
func (p *Pool) Asked(s *Slot) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(s.entry.length)
}

// pop takes a block off one of the shelves lo to hi-1, or returns nil. It looks into
// the return ring when these are empty, and also when so many blocks are out that the
// next one would be cold: only a few recently used blocks stay in the cache.
// Preconditions: mu is held.
func (p *Pool) pop(lo, hi, n int) *Slot {
	if p.closed.Load() {
		return nil
	}
	if p.unit != 0 {
		return p.popArena(n)
	}
	look := true
	if len(p.shares) > 0 && p.out+len(p.shares) >= transport.ReturnEntries && p.collect() == 0 {
		return nil // the return ring has no place for another block
	}
	if lo+1 == hi {
		sh := &p.shelves[lo]
		few, warm := sh.circulate()
		if out := sh.total - len(sh.free); out >= few {
			p.settle(out, warm, sh.class)
			look = false
		}
	}
	for ; ; look = false {
		for k := lo; k < hi; k++ {
			sh := &p.shelves[k]
			if len(sh.free) > 0 {
				id := sh.next()
				return p.hand(id.segment(), id.index(), n, sh.class)
			}
		}
		if !look || p.collect() == 0 {
			return nil
		}
	}
}

// hand marks a free block of bytes bytes as taken, for a payload of n bytes.
// Preconditions: mu is held.
func (p *Pool) hand(segment, index uint16, n int, bytes int64) *Slot {
	s := p.segments[segment]
	e := &s.ledger[index]
	if e.slot == nil {
		e.slot = &Slot{Mem: p.reach(s, index), entry: e, home: segment, index: index}
	}
	e.out, e.generation, e.length, e.room = true, p.next, int64(n), bytes
	cpu.StoreRelease64(&e.seq, inHand)
	p.next++
	s.busy++
	p.out++
	return e.slot
}

// reach returns the memory that a block which begins at index may have.
func (p *Pool) reach(s *owned, index uint16) []byte {
	mem := s.mem.Bytes()
	if s == p.whole {
		return mem
	}
	if p.unit != 0 {
		return mem[int64(index)*p.unit:]
	}
	class := p.shelves[s.shelf].class
	off := int64(p.cfg.Policy.Offset(index, uint64(class)))
	return mem[off : off+class : off+class]
}

// Lent records that b travels with the queue entry of sequence seq. Call it
// before that entry is committed: the user may return b at once.
func (p *Pool) Lent(b Block, seq uint64) {
	b.Slot.mustBeTaken(b.Ref.Generation)
	b.Slot.entry.seq.Store(seq)
	if p.closed.Load() { // loaded after the store; Close does both in reverse order
		p.mu.Lock()
		p.unmap(p.segments[b.Ref.Segment])
		p.mu.Unlock()
	}
}

// LentOpen is Lent for the block of a slot, in that lending. The caller keeps the pool
// from being closed meanwhile.
func (p *Pool) LentOpen(s *Slot, generation uint32, seq uint64) {
	s.mustBeTaken(generation)
	cpu.StoreRelease64(&s.entry.seq, seq)
}

// mustBeTaken panics unless the block of s is taken, in that lending.
func (s *Slot) mustBeTaken(generation uint32) {
	if e := s.entry; !e.out || e.generation != generation || e.seq.Load() != inHand {
		s.notTaken(generation)
	}
}

func (s *Slot) notTaken(generation uint32) {
	panic(fmt.Sprintf("segment: Lent of a block that is not taken, or lent already: its generation is %d, and that of the call %d", s.entry.generation, generation))
}

// Recall undoes Lent, for a block whose entry could not be committed: it is in the
// owner's hands again. It returns false if the owner has lost the block: the pool was
// closed, or the user has returned a block that it was never given.
func (p *Pool) Recall(b Block) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.segments[b.Ref.Segment]
	if p.closed.Load() || s == nil {
		return false
	}
	e := &s.ledger[b.Ref.Index]
	if !e.lent() || e.generation != b.Ref.Generation {
		return false
	}
	e.seq.Store(inHand)
	return true
}

// Put gives back a block that was taken and whose entry was never committed.
func (p *Pool) Put(b Block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.find(b)
	p.free(b.Ref.Segment, b.Ref.Index)
	if p.closed.Load() {
		p.unmap(s)
	}
}

// find returns the segment of b, which must not be free.
// Preconditions: mu is held.
func (p *Pool) find(b Block) *owned {
	if int(b.Ref.Segment) < len(p.segments) {
		if s := p.segments[b.Ref.Segment]; s != nil && int(b.Ref.Index) < len(s.ledger) {
			if e := &s.ledger[b.Ref.Index]; e.out && e.generation == b.Ref.Generation {
				return s
			}
		}
	}
	panic(fmt.Sprintf("segment: Put of block %d of segment %d, generation %d, which is not taken", b.Ref.Index, b.Ref.Segment, b.Ref.Generation))
}

// unmap unmaps a segment of a closed pool when none of its blocks is in the
// owner's hands. Preconditions: mu is held.
func (p *Pool) unmap(s *owned) error {
	for i := range s.ledger {
		if s.ledger[i].taken() {
			return nil
		}
	}
	return s.mem.Close()
}

// free puts a block back on its shelf, or into the arena. Preconditions: mu is
// held.
func (p *Pool) free(segment, index uint16) {
	s := p.segments[segment]
	s.ledger[index].out = false
	s.busy--
	p.out--
	if s == p.whole {
		return // it is on no shelf
	}
	if p.arena != nil {
		p.arena.give(int(index))
		return
	}
	if s.closing {
		return
	}
	sh := &p.shelves[s.shelf]
	sh.free = append(sh.free, makeID(segment, index)) // never allocates; see add
}

// Close unmaps the pool's segments in this process; users keep what they have mapped.
// A segment with blocks that are still taken is unmapped when the last of these has
// been put or lent. Close may be called again.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, s := range p.segments {
		if s != nil {
			errs = append(errs, p.unmap(s))
		}
	}
	return errors.Join(errs...)
}
