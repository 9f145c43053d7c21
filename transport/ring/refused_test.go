package ring_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// TestTooLarge: an entry over MaxEntry is refused wherever the ring is, also
// where much more than it is known to be free, and the next one goes on.
func TestTooLarge(t *testing.T) {
	p := newRing(t, ring.MinBytes, 0) // what is known to be free is most of it
	for i := range 20 {
		_, err := p.s.Reserve(p.s.MaxEntry() + 1)
		if e := new(transport.SizeError); !errors.As(err, &e) || e.Limit != p.s.MaxEntry() {
			t.Fatalf("after %d entries: %v", i, err)
		}
		if _, err := p.s.Reserve(8); err != nil {
			t.Fatal(err)
		}
		p.s.Publish()
		if e, err := p.r.Next(); err != nil || len(e.Bytes) != 8 {
			t.Fatalf("entry %d: %d bytes, %v", i, len(e.Bytes), err)
		}
		p.r.Done()
		p.r.Release()
	}
}

// TestReceiverFromNowhere: a new receiver that says it begins after what was sent
// gets no entry overwritten that has not been read.
func TestReceiverFromNowhere(t *testing.T) {
	const cells = 1 << 12
	for _, beyond := range []uint64{1, 3, 64, 1 << 40} {
		p := newRing(t, cells, 0)
		for {
			b, err := p.s.Reserve(12) // one cell each
			if errors.Is(err, transport.ErrFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			b[0] = byte(p.s.Next())
			p.s.Publish()
		}
		p.s.SetHead(p.recv.Head, p.s.Next()+beyond)
		for range 4 {
			if b, err := p.s.Reserve(12); err == nil {
				b[0] = 0xff
				p.s.Publish()
				t.Fatalf("%d beyond what was sent: an entry where none was free", beyond)
			}
			if p.s.Quick(12) != nil {
				t.Fatalf("%d beyond what was sent: quickly an entry where none was free", beyond)
			}
		}
		for i := range cells / 16 {
			if e, err := p.r.Next(); err != nil || e.Bytes[0] != byte(i) {
				t.Fatalf("entry %d: %v, %v", i, e.Bytes, err)
			}
			p.r.Done()
		}
	}
}

// TestFrontIsTakesTwin: what Take refuses, Front does not hand out.
func TestFrontIsTakesTwin(t *testing.T) {
	const cells, n = 1 << 12, 1 << 12 / ring.CellBytes
	p := newRing(t, cells, 0)
	binary.LittleEndian.PutUint32(p.send.Cells, uint32(p.s.MaxEntry()+1)) // all of it is there
	p.send.Tail.Store(n)
	if err := p.r.Look(); err != nil {
		t.Fatal(err)
	}
	if b, _ := p.r.Front(); b != nil {
		t.Errorf("an entry of %d bytes, and the largest is %d", len(b), p.s.MaxEntry())
	}
	if _, err := p.r.Next(); err == nil {
		t.Error("and Next as well")
	}
}

// TestRepairedIsStillBroken: a peer that has broken a rule is not read any more,
// whatever it writes afterwards.
func TestRepairedIsStillBroken(t *testing.T) {
	const cells, n = 1 << 12, 1 << 12 / ring.CellBytes
	good := func(p *pages) {
		binary.LittleEndian.PutUint32(p.send.Cells, 8)
		p.send.Tail.Store(8)
	}
	for what, wrong := range map[string]func(*pages){
		"length":  func(p *pages) { binary.LittleEndian.PutUint32(p.send.Cells, 1<<30) },
		"end":     func(p *pages) { binary.LittleEndian.PutUint32(p.send.Cells, 9*ring.CellBytes) },
		"padding": func(p *pages) { binary.LittleEndian.PutUint32(p.send.Cells, 1<<32-1) },
		"tail":    func(p *pages) { p.send.Tail.Store(n + 1) },
	} {
		p := newRing(t, cells, 0)
		good(p)
		wrong(p)
		_, first := p.r.Next()
		if c := new(transport.CorruptError); !errors.As(first, &c) {
			t.Fatalf("%s: %v", what, first)
		}
		good(p)
		if e, err := p.r.Next(); !errors.Is(err, first) {
			t.Errorf("%s: %v, then %d bytes, %v", what, first, len(e.Bytes), err)
		}
		if p.r.Look() == nil || p.r.More() {
			t.Errorf("%s: there is said to be more", what)
		}
	}
}

// TestTailGoesBack: the sender's tail only grows.
func TestTailGoesBack(t *testing.T) {
	p := newRing(t, 1<<12, 0)
	for range 3 {
		if _, err := p.s.Reserve(8); err != nil {
			t.Fatal(err)
		}
		p.s.Publish()
		if _, err := p.r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	p.send.Tail.Store(2) // read, and not yet released
	_, err := p.r.Next()
	if c := new(transport.CorruptError); !errors.As(err, &c) || c.What != "ring tail" {
		t.Error(err)
	}
}

// TestEntryAcrossTheEnd: an entry that is said to go on beyond the last cell is
// no entry: it would not be in one piece.
func TestEntryAcrossTheEnd(t *testing.T) {
	const cells, n = 1 << 12, 1 << 12 / ring.CellBytes
	for _, front := range []bool{false, true} {
		p := newRing(t, cells, n-1)
		binary.LittleEndian.PutUint32(p.send.Cells[cells-ring.CellBytes:], 100)
		p.send.Tail.Store(n - 1 + 8)
		e, err := p.next(front)
		if c := new(transport.CorruptError); !errors.As(err, &c) || c.What != "entry end" {
			t.Errorf("%d bytes, %v", len(e.Bytes), err)
		}
	}
}
