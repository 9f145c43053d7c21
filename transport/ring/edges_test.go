package ring_test

import (
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// TestLargestEntry: the largest entry comes through wherever the ring is, with padding
// in front of it or without, when it is all that has been sent.
func TestLargestEntry(t *testing.T) {
	const cells = 1 << 12
	for start := range uint64(cells / ring.CellBytes) {
		for _, short := range []bool{false, true} {
			p := newRing(t, cells, start)
			if p.r.Pending() {
				t.Fatalf("from %d: something is pending, and nothing was sent", start)
			}
			size := p.s.MaxEntry()
			b, show, err := p.reserve(size, short)
			if err != nil {
				t.Fatal(err)
			}
			copy(b, entry(start, size))
			if err := show(); err != nil {
				t.Fatal(err)
			}
			if !p.r.Pending() {
				t.Fatalf("from %d: it was sent, and nothing is pending", start)
			}
			if e, err := p.next(short); err != nil || string(e.Bytes) != string(entry(start, size)) {
				t.Fatalf("from %d: %d bytes, %v", start, len(e.Bytes), err)
			}
			if p.r.Pending() || p.r.More() {
				t.Fatalf("from %d: there is said to be more", start)
			}
		}
	}
}

// fill sends entries of one cell until the ring is full, and says how many.
func (p *pages) fill(t *testing.T) (n int) {
	t.Helper()
	for ; ; n++ {
		if _, err := p.s.Reserve(ring.CellBytes - 4); errors.Is(err, transport.ErrFull) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
		p.s.Publish()
	}
}

// TestAllRoomIsUsed: every cell that is free can be written, before there is a receiver,
// too, and no other.
func TestAllRoomIsUsed(t *testing.T) {
	const n = ring.MinBytes / ring.CellBytes
	p := newRing(t, ring.MinBytes, 0)
	p.s = ring.NewSender(p.send)
	if got := p.fill(t); got != n {
		t.Fatalf("%d entries fit before there is a receiver, want %d", got, n)
	}
	p.s.SetHead(p.recv.Head, 0)
	for _, free := range []int{5, 1, n} {
		for k := range free {
			if _, err := p.r.Next(); err != nil {
				t.Fatal(err)
			}
			if k == 0 && !p.r.More() && free > 1 {
				t.Fatalf("%d entries were found, one was taken, and there is no more", n)
			}
			p.r.Done()
		}
		p.r.Release()
		if got := p.fill(t); got != free {
			t.Fatalf("%d cells are free, and %d entries of one fit", free, got)
		}
	}
}

// TestMisuse: a Commit of nothing is a mistake that shows, and a ring that was barred
// gives nothing quickly.
func TestMisuse(t *testing.T) {
	p := newRing(t, 1<<12, 0)
	commit := func(when string) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: it commits what was not reserved", when)
			}
		}()
		p.s.Publish()
	}
	commit("at first")
	if _, err := p.s.Reserve(8); err != nil {
		t.Fatal(err)
	}
	p.s.Show()
	commit("what was shown")
	if p.s.Quick(8) == nil {
		t.Fatal("there is room, and nothing comes quickly")
	}
	if p.s.Bar(); p.s.Quick(8) != nil {
		t.Error("a barred ring lends room")
	}
}
