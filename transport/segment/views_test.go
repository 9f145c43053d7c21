package segment

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
)

// addHeap is Add with memory of this process's heap.
func addHeap(v *Views, id uint16, mem *Memory, class, blocks int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.replace(id, &viewed{mem: mem, policy: v.Policy, class: uint64(class), holds: make([]atomic.Pointer[Held], blocks)})
}

// outstanding is the number of views that have not been released.
func (v *Views) outstanding() (n int) {
	for s := range v.segments.Load().all {
		for i := range s.holds {
			if h := s.holds[i].Load(); h != nil && h.held.Load() != 0 {
				n++
			}
		}
	}
	return n
}

func TestViewChecks(t *testing.T) {
	var v Views
	defer v.Close()
	addHeap(&v, 3, Heap(int(PolicyPool.extent(8192, 4))), 8192, 4)
	for _, c := range []struct {
		what string
		ref  BlockRef
	}{
		{"index beyond the segment", BlockRef{Segment: 3, Index: 4}},
		{"largest index", BlockRef{Segment: 3, Index: 0xffff}},
		{"length beyond the block", BlockRef{Segment: 3, Length: 8193}},
		{"largest length", BlockRef{Segment: 3, Index: 3, Length: 1<<64 - 1}},
	} {
		b, err := v.View(c.ref)
		if e := (*transport.CorruptError)(nil); !errors.As(err, &e) || b != nil {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := v.View(BlockRef{Segment: 4}); err != ErrUnknownSegment {
		t.Errorf("unknown segment: %v", err)
	}
	ref := BlockRef{Segment: 3, Index: 3, Generation: 9, Length: 8192}
	b, err := v.View(ref)
	if err != nil || len(b) != 8192 || cap(b) != 8192 {
		t.Fatalf("%d bytes, cap %d, %v", len(b), cap(b), err)
	}
	if _, err := v.View(ref); err == nil {
		t.Error("one block in view twice")
	}
	if v.outstanding() != 1 {
		t.Errorf("%d in view", v.outstanding())
	}
	if e := (*transport.CorruptError)(nil); !errors.As(v.Drop(3), &e) {
		t.Error("dropped a segment in view")
	}
	r := newReturns()
	v.Release(r, ref)
	if s, i, g := transport.UnpackReturn(r.Entries[0].Load()); r.Tail.Load() != 1 || s != 3 || i != 3 || g != 9 {
		t.Errorf("returned %d %d %d, tail %d", s, i, g, r.Tail.Load())
	}
	for _, wrong := range []BlockRef{ref, {Segment: 9}, {Segment: 3, Index: 99}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("release of %+v, which is not in view, did not panic", wrong)
				}
			}()
			v.Release(r, wrong)
		}()
	}
	if err := v.Drop(3); err != nil {
		t.Error(err)
	}
	if err := v.Drop(3); err != ErrUnknownSegment {
		t.Errorf("second Drop: %v", err)
	}
}

// TestViewsAreBounded: an owner cannot make its user map more than a number of
// segments.
func TestViewsAreBounded(t *testing.T) {
	v := &Views{}
	defer v.Close()
	for id := range MaxViewSegments + 1 {
		m, err := Create("many", 4096, Options{Form: FormMemfd, Populate: true})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		} else if err != nil {
			testutil.Refused(t, err)
		}
		err = v.Add(uint16(id), m.File(), 4096, 4096, 1)
		m.Close()
		if e := new(transport.CorruptError); (id == MaxViewSegments) != (errors.As(err, &e) && e.What == "count of segments") {
			t.Fatalf("segment %d: %v", id, err)
		}
	}
}

// TestAdmit: what an owner may announce beside what it has, for each bound the most
// and one more than that.
func TestAdmit(t *testing.T) {
	const id = 7
	for _, c := range []struct {
		what   string
		policy Policy
		have   counts
		bytes  int64
		id     uint16
		size   int
		blocks int
		bad    string // "": it is admitted
	}{
		{"the last block", PolicyPool, counts{1, transport.ReturnEntries - 1}, 0, id, 4096, 1, ""},
		{"one block too many", PolicyPool, counts{1, transport.ReturnEntries}, 0, id, 4096, 1, "count of blocks"},
		{"two blocks, and one is left", PolicyPool, counts{1, transport.ReturnEntries - 1}, 0, id, 8192, 2, "count of blocks"},
		{"a payload beside a whole arena", PolicyArena, counts{1, maxArenaUnits}, 0, id, 4096, 1, ""},
		{"two payloads beside it", PolicyArena, counts{2, maxArenaUnits + 1}, 0, id, 4096, 1, "count of blocks"},
		{"the last segment", PolicyPool, counts{MaxViewSegments - 1, 1}, 0, id, 4096, 1, ""},
		{"one segment too many", PolicyPool, counts{MaxViewSegments, 1}, 0, id, 4096, 1, "count of segments"},
		{"what is shared counts for itself", PolicyPool, counts{MaxViewSegments, transport.ReturnEntries}, 0, SharedIDs, 4096, 1, ""},
		{"the last shared block", PolicyArena, counts{1, MaxSharing*transport.ReturnEntries - 1}, 0, SharedIDs, 4096, 1, ""},
		{"one shared block too many", PolicyArena, counts{1, MaxSharing * transport.ReturnEntries}, 0, SharedIDs, 4096, 1, "count of blocks"},
		{"one shared segment too many", PolicyPool, counts{MaxSharing * MaxViewSegments, 1}, 0, SharedIDs, 4096, 1, "count of segments"},
		{"the last byte", PolicyPool, counts{}, 1<<20 - 4096, id, 4096, 1, ""},
		{"one byte too many", PolicyPool, counts{}, 1<<20 - 4095, id, 4096, 1, "bytes of segments"},
	} {
		v := &Views{Policy: c.policy, MaxBytes: 1 << 20, counts: [2]counts{c.have, c.have}, bytes: c.bytes}
		err := v.admit(c.id, c.size, c.blocks)
		if e := new(transport.CorruptError); (err != nil) != (c.bad != "") || err != nil && (!errors.As(err, &e) || e.What != c.bad) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	var v Views
	addHeap(&v, id, Heap(4096), 4096, 1)
	if e := new(transport.CorruptError); !errors.As(v.admit(id, 4096, 1), &e) {
		t.Error("an id that is in use is admitted")
	}
	v.Close()
	if err := v.admit(id+1, 4096, 1); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestViewsClose: memory goes with the last view, and not before.
func TestViewsClose(t *testing.T) {
	var v Views
	unmapped := map[int]bool{}
	for i := range 2 {
		addHeap(&v, uint16(i), newMemory("test", make([]byte, PolicyPool.extent(4096, 2)), nil, func([]byte) error { unmapped[i] = true; return nil }), 4096, 2)
	}
	a, b := BlockRef{Index: 0, Length: 1}, BlockRef{Index: 1, Length: 1}
	for _, ref := range []BlockRef{a, b} {
		if _, err := v.View(ref); err != nil {
			t.Fatal(err)
		}
	}
	v.Close()
	v.Close()
	if unmapped[0] || !unmapped[1] {
		t.Errorf("after Close: %v", unmapped)
	}
	if _, err := v.View(BlockRef{Segment: 1}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("View after Close: %v", err)
	}
	v.Release(newReturns(), a)
	if unmapped[0] {
		t.Error("unmapped under a view")
	}
	v.Forget(b)
	if !unmapped[0] || v.outstanding() != 0 {
		t.Error("not unmapped after the last view")
	}
}

func TestGeometry(t *testing.T) {
	for _, c := range []struct{ size, class, blocks int }{
		{0, 0, 0}, {4096, 4096, 0}, {4096, 4096, 2}, {4096, 0, 1}, {4096, -4096, 1}, {4096, 100, 1},
		{4096, 8192, 1}, {-1, 4096, 1}, {1 << 30, 4096, 1025}, {8192, 4096, 2}, {8192, 4096, -1}, {-1 << 63, 4096, 1},
	} {
		if e := (*transport.CorruptError)(nil); !errors.As(PolicyPool.geometry(c.size, c.class, c.blocks), &e) {
			t.Errorf("%+v was accepted", c)
		}
	}
	for _, c := range []struct{ size, class, blocks int }{{4096, 4096, 1}, {65536, 12288, 5}, {4<<20 + 1024*colour, 4096, 1024}} {
		if err := PolicyPool.geometry(c.size, c.class, c.blocks); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestViewNoAllocations(t *testing.T) {
	var v Views
	defer v.Close()
	addHeap(&v, 0, Heap(4096), 4096, 1)
	r := newReturns()
	ref := BlockRef{Length: 100}
	if n := testing.AllocsPerRun(1000, func() {
		_, _ = v.View(ref)
		v.Release(r, ref)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzView: whatever an entry says, a view is inside its block, or an error.
func FuzzView(f *testing.F) {
	for _, r := range []BlockRef{{}, {Segment: 1, Index: 2, Length: 4096}, {Segment: 1, Index: 3, Length: 4097}, {Index: 0xffff, Length: 1 << 63},
		{Segment: 1, Index: 1, Length: 16384}, {Segment: 1, Index: 1, Length: 16385}, {Segment: 1, Length: 24576}} {
		f.Add(r.Segment, r.Index, r.Generation, r.Length)
	}
	f.Fuzz(func(t *testing.T, segment, index uint16, generation uint32, length uint64) {
		for _, p := range []Policy{PolicyPool, PolicyArena} {
			fuzzView(t, BlockRef{Segment: segment, Index: index, Generation: generation, Length: length}, p)
		}
	})
}

func fuzzView(t *testing.T, ref BlockRef, policy Policy) {
	const class, blocks = 8192, 3
	v := Views{Policy: policy}
	defer v.Close()
	mem := Heap(int(policy.extent(class, blocks)))
	mem.Bytes()[len(mem.Bytes())-1] = 1
	addHeap(&v, 1, mem, class, blocks)
	view, err := v.View(ref)
	legal := ref.Segment == 1 && ref.Index < blocks && ref.Length <= class
	if policy == PolicyArena {
		legal = ref.Segment == 1 && ref.Index < blocks && ref.Length <= class*(blocks-uint64(ref.Index))
	}
	if (err == nil) != legal {
		t.Fatalf("%+v: %v", ref, err)
	}
	if err != nil {
		return
	}
	if len(view) != int(ref.Length) || cap(view) != len(view) {
		t.Fatalf("%+v: %d bytes, cap %d", ref, len(view), cap(view))
	}
	for i := range view {
		mem.Bytes()[int(policy.Offset(ref.Index, class))+i] = byte(i)
	}
	for i := range view {
		if view[i] != byte(i) {
			t.Fatalf("%+v: the view is of other memory", ref)
		}
	}
	v.Forget(ref)
}

// TestColours: blocks of one segment begin at different lines of a page, do not
// overlap, and take a page more for each 32 of them.
func TestColours(t *testing.T) {
	for _, n := range []int{1, 2, 16, 32} {
		p, known := heapPool(PoolConfig{MaxBytes: int64(n) * 8192, MinClass: 8192})
		lines := map[uintptr]bool{}
		var all []Block
		for p.Stats().Blocks < n || p.Stats().Free > 0 {
			b := mustTake(t, p, 8192)
			all = append(all, b)
			lines[uintptr(p.cfg.Policy.Offset(b.Ref.Index, 8192))%pageBytes] = true
			for i := range b.Mem {
				b.Mem[i] = byte(len(all))
			}
		}
		if a := known[0]; len(all) != n || len(lines) != n || a.size > n*8192+pageBytes {
			t.Errorf("%d blocks: %d, at %d places of a page, in %+v", n, len(all), len(lines), a)
		}
		for i, b := range all {
			for _, v := range b.Mem {
				if v != byte(i+1) {
					t.Fatalf("block %d of %d was written by another", i, n)
				}
			}
		}
	}
}

// FuzzReturns: a return ring full of whatever a peer writes frees a lent block
// at most, and never one twice.
func FuzzReturns(f *testing.F) {
	f.Add(uint64(3), []byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(uint64(1<<63), []byte{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, tail uint64, entries []byte) {
		for _, p := range []Policy{PolicyPool, PolicyArena} {
			fuzzReturns(t, tail, entries, p)
		}
	})
}

func fuzzReturns(t *testing.T, tail uint64, entries []byte, policy Policy) {
	p, _ := heapPool(PoolConfig{Policy: policy, MaxBytes: 1 << 18})
	r := newReturns()
	p.Switch(r, 0)
	const out = 5
	for seq := range uint64(out) {
		p.Lent(mustTake(t, p, 1), seq)
	}
	for i := 0; i+8 <= len(entries) && i/8 < transport.ReturnEntries; i += 8 {
		var v uint64
		for k := range 8 {
			v |= uint64(entries[i+k]) << (8 * k)
		}
		r.Entries[i/8].Store(v)
	}
	r.Tail.Store(tail)
	n := p.Collect()
	s := p.Stats()
	if n > out || s.Lent != out-n || s.Free != s.Blocks-s.Lent || p.Collect() != 0 {
		t.Fatalf("collected %d: %+v", n, s)
	}
	seen := map[[2]uint16]bool{}
	for range s.Free {
		b := mustTake(t, p, 1)
		if key := [2]uint16{b.Ref.Segment, b.Ref.Index}; seen[key] {
			t.Fatalf("block %+v is free twice", b.Ref)
		} else {
			seen[key] = true
		}
	}
}
