package segment

import (
	"errors"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/understudy-go/understudy/transport"
)

// TestArenaBlocks: one segment, announced once in units; a block is the power
// of two of units that fits, wherever there is room.
func TestArenaBlocks(t *testing.T) {
	p, known := heapPool(PoolConfig{Policy: PolicyArena, MaxBytes: 1 << 20})
	var bs []Block
	for _, c := range []struct{ n, room int }{
		{0, 4 << 10}, {1, 4 << 10}, {4096, 4 << 10}, {4097, 8 << 10}, {3*4096 + 1, 16 << 10}, {64 << 10, 64 << 10}, {512 << 10, 512 << 10},
	} {
		b := mustTake(t, p, c.n)
		if len(b.Mem) != c.n || cap(b.Mem) != c.room || b.Ref.Length != uint64(c.n) || int(b.Ref.Index)*4096%c.room != 0 {
			t.Errorf("Take(%d): len %d cap %d, %+v", c.n, len(b.Mem), cap(b.Mem), b.Ref)
		}
		bs = append(bs, b)
	}
	if a := known[0]; len(known) != 1 || a != (announced{1 << 20, 4096, 256}) {
		t.Errorf("announced %+v", known)
	}
	if s := p.Stats(); s.Internal() == 0 || s.External() == 0 || s.OutBytes != 612<<10 {
		t.Errorf("stats %+v: internal %v, external %v", s, s.Internal(), s.External())
	}
	for _, b := range bs {
		p.Put(b)
	}
	if s := p.Stats(); s.Free != 256 || s.LargestFree != 1<<20 || s.Internal() != 0 || s.External() != 0 {
		t.Errorf("after all: %+v", s)
	}
}

// TestArenaWhole: an arena lends all its bytes as one block, whatever their
// number, and nothing beside it.
func TestArenaWhole(t *testing.T) {
	for _, size := range []int64{4096, 12288, 5 << 20, 48 << 20, 1<<28 + 1<<20} {
		p, _ := heapPool(PoolConfig{Policy: PolicyArena, MaxBytes: size})
		for range 2 {
			b := mustTake(t, p, int(size))
			if len(b.Mem) != int(size) {
				t.Errorf("arena of %d bytes lent %d", size, len(b.Mem))
			}
			if _, err := p.Take(1); !errors.Is(err, ErrDry) {
				t.Errorf("arena of %d bytes, all lent: %v", size, err)
			}
			p.Put(b)
			p.Put(mustTake(t, p, 1))
		}
		_, err := p.Take(int(size) + 1)
		if e := (*transport.SizeError)(nil); !errors.As(err, &e) || int64(e.Limit) != size {
			t.Errorf("Take over MaxBytes: %v", err)
		}
	}
}

// TestArenaOutstanding: however many units are free, no more blocks are out
// than the return ring has entries.
func TestArenaOutstanding(t *testing.T) {
	p, _ := heapPool(PoolConfig{Policy: PolicyArena})
	r := newReturns()
	p.Switch(r, 0)
	var last Block
	for seq := range uint64(transport.ReturnEntries) {
		last = mustTake(t, p, 1)
		p.Lent(last, seq)
	}
	if _, err := p.Take(1); !errors.Is(err, ErrDry) {
		t.Errorf("one more than the ring has room for: %v", err)
	}
	giveBack(r, last.Ref)
	p.Put(mustTake(t, p, 1))
}

// TestArenaUnits: 16 bits name every unit of every arena that is allowed.
func TestArenaUnits(t *testing.T) {
	for _, c := range []PoolConfig{{MaxBytes: 4096}, {MaxBytes: 12288, MinClass: 1 << 20}, {}, {MaxBytes: 1 << 28}, {MaxBytes: 1<<28 + 1},
		{MaxBytes: 1<<28 + 4096}, {MaxBytes: 16 << 30}, {MaxBytes: maxPoolBytes}, {MaxBytes: maxPoolBytes - 1}} {
		c.Policy = PolicyArena
		d := c.withDefaults()
		units := d.MaxBytes / int64(d.MinClass)
		if bits.OnesCount(uint(d.MinClass)) != 1 || d.MinClass < 4096 || d.MaxBytes%int64(d.MinClass) != 0 || units < 1 || units > maxArenaUnits {
			t.Errorf("%+v became %+v", c, d)
		}
	}
}

// TestArenaFailure: an arena that could not be made or announced is made at
// the next Take.
func TestArenaFailure(t *testing.T) {
	boom := errors.New("boom")
	fail := true
	p, _ := heapPool(PoolConfig{Policy: PolicyArena, Announce: func(uint16, transport.File, int, int, int) error {
		if fail {
			return boom
		}
		return nil
	}})
	for range 2 {
		if _, err := p.Take(10); !errors.Is(err, boom) {
			t.Fatal(err)
		}
	}
	if s := p.Stats(); s != (PoolStats{}) {
		t.Errorf("after failed announcements: %+v", s)
	}
	fail = false
	b := mustTake(t, p, 10)
	if b.Ref.Segment != 2 {
		t.Errorf("segment %d: an id that the user may have heard of was used again", b.Ref.Segment)
	}
	p.Put(b)
}

// TestArenaViewChecks: a block may span units, and never the end of the arena;
// geometry that no arena has is refused.
func TestArenaViewChecks(t *testing.T) {
	v := Views{Policy: PolicyArena}
	defer v.Close()
	addHeap(&v, 0, Heap(4*4096), 4096, 4)
	for _, c := range []struct {
		index  uint16
		length uint64
		ok     bool
	}{
		{0, 4 * 4096, true}, {0, 4*4096 + 1, false}, {1, 3 * 4096, true}, {1, 3*4096 + 1, false}, {3, 4096, true}, {3, 4097, false},
		{4, 0, false}, {0xffff, 0, false}, {3, 1<<64 - 1, false}, {3, 1<<64 - 3*4096, false},
	} {
		ref := BlockRef{Index: c.index, Length: c.length}
		b, err := v.View(ref)
		if e := (*transport.CorruptError)(nil); (err == nil) != c.ok || err != nil && !errors.As(err, &e) || uint64(len(b)) != c.length && c.ok {
			t.Errorf("%+v: %d bytes, %v", ref, len(b), err)
		}
		if err == nil {
			v.Forget(ref)
		}
	}
	if err := PolicyArena.geometry(1<<28, 4096, maxArenaUnits); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ size, class, blocks int }{{1 << 30, 4096, maxArenaUnits + 1}, {4096, 4096, 2}, {4096, 0, 1}, {8192, 4096, -1}} {
		if e := (*transport.CorruptError)(nil); !errors.As(PolicyArena.geometry(c.size, c.class, c.blocks), &e) {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	for _, p := range []Policy{PolicyPool, PolicyArena} {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("heap"); err == nil {
		t.Error("a policy that does not exist was accepted")
	}
}

// BenchmarkPolicies takes, lends and gives back a mix of sizes as messages have
// them, with 64 blocks out, in pools of 64 MiB. It reports the fragmentation at
// the end, in percent of bytes, and the share of Takes that found nothing.
func BenchmarkPolicies(b *testing.B) {
	for _, policy := range []Policy{PolicyPool, PolicyArena} {
		b.Run(policy.String(), func(b *testing.B) { benchmarkPolicy(b, policy) })
	}
}

func benchmarkPolicy(b *testing.B, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy, Retire: func(uint16) error { return nil }})
	r := newReturns()
	p.Switch(r, 0)
	sizes := mixedSizes(1 << 12)
	var out [64]BlockRef // the oldest is given back when its place is needed
	seq, internal, external, seen := 0, 0.0, 0.0, 0
	step := func() {
		slot := seq % len(out)
		if out[slot].Length > 0 {
			giveBack(r, out[slot])
			out[slot] = BlockRef{}
		}
		k, err := p.Take(sizes[seq%len(sizes)])
		if err == nil {
			p.Lent(k, uint64(seq))
			out[slot] = k.Ref
		}
		seq++
	}
	for range 2 * len(sizes) {
		step()
		s := p.Stats()
		internal, external, seen = internal+s.Internal(), external+s.External(), seen+1
	}
	first, dry := seq, p.Dry()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(100*internal/float64(seen), "internal-%")
	b.ReportMetric(100*external/float64(seen), "external-%")
	b.ReportMetric(100*float64(p.Dry()-dry)/float64(seq-first), "dry-%")
	b.ReportMetric(float64(p.Stats().Bytes)/(1<<20), "MiB")
}

// mixedSizes is sizes of large messages: most of some pages, some of images,
// a few of megabytes.
func mixedSizes(n int) []int {
	rng := rand.New(rand.NewPCG(1, 2))
	s := make([]int, n)
	for i := range s {
		switch k := rng.IntN(100); {
		case k < 70:
			s[i] = 4097 + rng.IntN(28<<10)
		case k < 95:
			s[i] = 32<<10 + rng.IntN(480<<10)
		default:
			s[i] = 1<<20 + rng.IntN(3<<20)
		}
	}
	return s
}
