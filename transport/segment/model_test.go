package segment

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// model is the plain truth about a pool: what each block that is out holds.
type model struct {
	t     *testing.T
	p     *Pool
	known map[uint16]announced
	r     transport.Returns
	rng   *rand.Rand
	seq   uint64
	stamp uint64
	taken []held
	lent  []held
	wants []int
}

type held struct {
	Block
	stamp uint64
	seq   uint64
}

func (h held) write() {
	for i := range h.Mem {
		h.Mem[i] = byte(h.stamp >> (i % 8 * 8))
	}
}

// check looks whether anybody else has written the block.
func (m *model) check(h held) {
	for i, c := range h.Mem {
		if c != byte(h.stamp>>(i%8*8)) {
			m.t.Fatalf("block %+v: byte %d was overwritten", h.Ref, i)
		}
	}
}

func pick[T any](rng *rand.Rand, s *[]T) T {
	i := rng.IntN(len(*s))
	v := (*s)[i]
	*s = append((*s)[:i], (*s)[i+1:]...)
	return v
}

func (m *model) step() {
	switch op := m.rng.IntN(100); {
	case op < 45:
		n := 1 << m.rng.IntN(19)
		n = min(n-m.rng.IntN(n), int(m.p.cfg.MaxBytes))
		b, err := m.p.Take(n)
		if errors.Is(err, ErrDry) {
			return
		}
		if err != nil {
			m.t.Fatalf("Take(%d): %v", n, err)
		}
		m.stamp++
		h := held{Block: b, stamp: m.stamp * 0x9e3779b97f4a7c15}
		h.write()
		m.taken = append(m.taken, h)
	case op < 60 && len(m.taken) > 0:
		h := pick(m.rng, &m.taken)
		m.check(h)
		m.p.Put(h.Block)
	case op < 80 && len(m.taken) > 0:
		h := pick(m.rng, &m.taken)
		h.seq = m.seq
		m.seq += 1 + m.rng.Uint64N(3)
		m.p.Lent(h.Block, h.seq)
		m.lent = append(m.lent, h)
	case op < 97 && len(m.lent) > 0:
		h := pick(m.rng, &m.lent)
		m.check(h)
		giveBack(m.r, h.Ref)
		if m.rng.IntN(2) == 0 && m.p.Collect() == 0 {
			m.t.Fatal("a return was not collected")
		}
	case op == 97 && m.r.Tail.Load() < 1<<20:
		m.restart()
	case op == 99 && m.rng.IntN(2) == 0:
		n := m.rng.IntN(int(m.p.cfg.MaxBytes) + 1)
		m.wants = append(m.wants, n)
		m.p.Want(n)
		m.p.Handled(transport.Place{Seq: m.seq - min(m.seq, m.rng.Uint64N(100))})
	case op == 99 && len(m.wants) > 0:
		m.p.Unwant(pick(m.rng, &m.wants))
	case op == 98:
		refused := m.p.Stats().Refused
		m.p.Collect()
		giveBack(m.r, BlockRef{Segment: uint16(m.rng.IntN(4)), Index: uint16(m.rng.IntN(99)), Generation: 0xffff0000 + m.rng.Uint32N(99)})
		if m.p.Collect() != 0 || m.p.Stats().Refused != refused+1 {
			m.t.Fatal("an invented return was taken")
		}
	}
}

// restart is the user's death and the arrival of its successor.
func (m *model) restart() {
	m.p.Collect()
	start := m.seq - min(m.seq, m.rng.Uint64N(40))
	m.r = newReturns()
	n := 0
	m.lent = append([]held(nil), m.lent...)
	keep := m.lent[:0]
	for _, h := range m.lent {
		if h.seq < start {
			n++
		} else {
			keep = append(keep, h)
		}
	}
	m.lent = keep
	if got := m.p.Switch(m.r, start); got != n {
		m.t.Fatalf("Switch(%d) freed %d blocks, want %d", start, got, n)
	}
}

// TestModel compares a pool with a plain list under random operations: no two
// holders share a byte, nothing is lost, the books are even, the bounds hold.
func TestModel(t *testing.T) { eachPolicy(t, testModel) }

func testModel(t *testing.T, policy Policy) {
	for seed := range uint64(testutil.Rounds(10, 1000)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		cfg := PoolConfig{Policy: policy, MaxBytes: int64(1+rng.IntN(3)) << (15 + rng.IntN(7)), Generation: rng.Uint32N(1000), Retire: func(uint16) error { return nil }}
		p, known := heapPool(cfg)
		m := &model{t: t, p: p, known: known, r: newReturns(), rng: rng}
		p.Switch(m.r, 0)
		for k := range p.shelves {
			if p.unit == 0 {
				p.shelves[k].round = round{blocks: 1 + rng.IntN(20), left: 1 + rng.IntN(20)}
			}
		}
		for range 2000 {
			m.step()
			m.books()
		}
		for _, h := range m.taken {
			m.check(h)
			p.Put(h.Block)
		}
		for _, h := range m.lent {
			m.check(h)
			giveBack(m.r, h.Ref)
		}
		p.Collect()
		for _, n := range m.wants {
			p.Unwant(n)
		}
		p.giving = nil
		p.yield()
		for _, sh := range p.shelves {
			if policy == PolicyPool && len(sh.free) != sh.total {
				t.Fatalf("seed %d: %d of %d blocks of %d bytes can be taken", seed, len(sh.free), sh.total, sh.class)
			}
		}
		if s := p.Stats(); s.Free != s.Blocks || s.FreeBytes != s.Bytes || s.UsedBytes != 0 || s.Taken != 0 || s.Lent != 0 {
			t.Fatalf("seed %d: not everything came back: %+v", seed, s)
		}
	}
}

// books checks the pool's own account against the model's, and the bounds.
func (m *model) books() {
	s := m.p.Stats()
	unread := int(m.r.Tail.Load() - m.p.back.read)
	most := m.p.cfg.MaxBytes
	if m.p.unit == 0 {
		most *= 2 // see overdraw
	}
	if s.Taken != len(m.taken) || s.Lent != len(m.lent)+unread || s.Bytes > most || s.Blocks > m.p.cfg.Policy.blocks() || s.Taken+s.Lent > transport.ReturnEntries ||
		s.Segments != len(m.known) {
		m.t.Fatalf("stats %+v; the model has %d taken, %d lent, %d on their way, %d segments", s, len(m.taken), len(m.lent), unread, len(m.known))
	}
	m.bytes(s, unread)
}

// bytes checks the account of bytes, and that the largest free block is one.
func (m *model) bytes(s PoolStats, unread int) {
	used, out := int64(0), int64(0)
	for _, l := range [][]held{m.taken, m.lent} {
		for _, h := range l {
			used, out = used+int64(len(h.Mem)), out+int64(cap(h.Mem))
		}
	}
	if s.UsedBytes < used || s.OutBytes < out || unread == 0 && (s.UsedBytes != used || s.OutBytes != out) ||
		s.OutBytes+s.FreeBytes != s.Bytes || s.LargestFree > s.FreeBytes || s.FreeBytes > 0 && s.LargestFree == 0 && m.p.wanted == 0 && m.p.giving == nil {
		m.t.Fatalf("stats %+v; the model has %d of %d bytes in use, %d blocks on their way", s, used, out, unread)
	}
	if f := [2]float64{s.Internal(), s.External()}; f[0] < 0 || f[0] > 1 || f[1] < 0 || f[1] > 1 {
		m.t.Fatalf("fragmentation %v of %+v", f, s)
	}
	if s.LargestFree > 0 && s.Taken+s.Lent < transport.ReturnEntries {
		b, err := m.p.Take(int(s.LargestFree))
		if err != nil || len(m.known) != s.Segments {
			m.t.Fatalf("a block of %d bytes is not free: %v, %+v", s.LargestFree, err, s)
		}
		m.p.Put(b)
	}
}
