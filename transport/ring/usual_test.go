package ring_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// large is a ring of which a sender goes round in the first part, usual, while the
// receiver keeps up. All in cells.
const (
	large = 1 << 20 / ring.CellBytes
	usual = large / 4
)

// at is where in the ring the sender is.
func (p *pages) at() uint64 { return p.s.Next() % large }

// send sends entry i, of size bytes, and reports whether there was room.
func (p *pages) sendNo(t *testing.T, i uint64, size int) bool {
	t.Helper()
	b, show, err := p.reserve(size, i%2 == 0)
	if errors.Is(err, transport.ErrFull) {
		return false
	}
	if err != nil {
		t.Fatalf("entry %d of %d bytes: %v", i, size, err)
	}
	binary.LittleEndian.PutUint64(b, i)
	b[size-1] = byte(i)
	if err := show(); err != nil {
		t.Fatal(err)
	}
	return true
}

// takeNo takes entry i, of size bytes, and gives its room back if release is set.
func (p *pages) takeNo(t *testing.T, i uint64, size int, release bool) {
	t.Helper()
	e, err := p.next(i%3 == 0)
	if err != nil || len(e.Bytes) != size || binary.LittleEndian.Uint64(e.Bytes) != i || e.Bytes[size-1] != byte(i) {
		t.Fatalf("entry %d of %d bytes: got %d bytes, %v", i, size, len(e.Bytes), err)
	}
	p.r.Done()
	if release {
		p.r.Release()
	}
}

// TestUsualPart: a receiver that keeps up, some entries behind, leaves the rest of the
// ring untouched.
func TestUsualPart(t *testing.T) {
	for _, behind := range []uint64{0, 1, 10} {
		p := newRing(t, large*ring.CellBytes, 0)
		size := func(i uint64) int { return 9 + int(i*7919%1500) }
		for i := range uint64(10_000) {
			if !p.sendNo(t, i, size(i)) {
				t.Fatalf("entry %d: full", i)
			}
			if i >= behind {
				p.takeNo(t, i-behind, size(i-behind), true)
			}
		}
		for i, b := range p.send.Cells[(usual+1)*ring.CellBytes:] {
			if b != 0 {
				t.Fatalf("%d entries behind: byte %d beyond the usual part was written", behind, i)
			}
		}
	}
}

// TestBurst: what is not read fills the whole ring, and with the next lap after it was
// read the sender goes round in the usual part again.
func TestBurst(t *testing.T) {
	p := newRing(t, large*ring.CellBytes, 0)
	for range 3 {
		if n := p.fill(t); n != large {
			t.Fatalf("%d of %d cells were filled", n, large)
		}
		p.readAll(t)
		for i := range uint64(large) {
			p.sendNo(t, i, 12)
			p.readAll(t)
			if p.at() > usual {
				t.Fatalf("the sender is at cell %d, with nothing unread", p.at())
			}
		}
		for p.at() > 1 { // so that the next round begins with the lap
			p.sendNo(t, 0, 12)
			p.readAll(t)
		}
		p.sendNo(t, 0, 12)
		p.readAll(t)
	}
}

// readAll takes what there is, and gives its room back.
func (p *pages) readAll(t *testing.T) {
	t.Helper()
	for {
		_, err := p.r.Next()
		if errors.Is(err, transport.ErrEmpty) {
			p.r.Release()
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		p.r.Done()
	}
}

// TestRoomForUsual: wherever the sender is, and however much was unread when it got there,
// the usual part at least can be unread at a time. Unread tells of it without the padding.
func TestRoomForUsual(t *testing.T) {
	for _, unread := range []int{0, 1, usual/16 - 1, usual / 16, usual/16 + 1, usual / 2} {
		p := newRing(t, large*ring.CellBytes, 0)
		sent, taken := uint64(0), uint64(0)
		for ; sent < 3*usual; sent++ {
			p.sendNo(t, sent, 12)
			if int(sent+1-taken) > unread {
				p.takeNo(t, taken, 12, true)
				taken++
			}
		}
		for p.at() < usual { // then the next entry is the first beyond the usual part, or of a lap
			p.sendNo(t, sent, 12)
			p.takeNo(t, taken, 12, true)
			sent, taken = sent+1, taken+1
		}
		p.sendNo(t, sent, 12)
		sent++
		if anew := p.at() == 1; anew != (unread <= usual/16) {
			t.Errorf("%d unread: the sender is at cell %d", unread, p.at())
		}
		n := int(sent-taken) + p.fill(t)
		if n < usual {
			t.Errorf("%d unread: %d cells could be unread, the usual part is %d", unread, n, usual)
		}
		if got := p.s.Unread(p.s.Next() - p.recv.Head.Load()); got != uint64(n) {
			t.Errorf("%d unread: Unread says %d of %d entries of a cell", unread, got, n)
		}
	}
}

// TestRoomForSome: a ring that is empty takes three entries at least, whatever their size
// and wherever the sender is, as one does whose sender goes round in all of it.
func TestRoomForSome(t *testing.T) {
	for size := 48 << 10; size < 256<<10; size += 1111 {
		p := newRing(t, large*ring.CellBytes, 0)
		for i := range uint64(20) {
			for range 3 {
				if !p.sendNo(t, i, size) {
					t.Fatalf("%d bytes, at cell %d: no room for three", size, p.at())
				}
			}
			p.readAll(t)
			p.sendNo(t, i, size)
			p.readAll(t)
		}
	}
}

// TestUsualRandomly: everything comes through, in order, whatever the sizes, the bursts
// and the ring.
func TestUsualRandomly(t *testing.T) {
	for round := range testutil.Rounds(20, 500) {
		rnd := rand.New(rand.NewPCG(uint64(round), 2))
		p := newRing(t, (256<<10)<<rnd.IntN(4), uint64(rnd.IntN(1<<20)))
		var sizes []int
		var taken uint64
		for range 50 {
			most := 1 << rnd.IntN(18)
			for range rnd.IntN(3000) {
				size := min(9+rnd.IntN(most), p.s.MaxEntry())
				if !p.sendNo(t, uint64(len(sizes)), size) {
					break
				}
				sizes = append(sizes, size)
			}
			for n := rnd.IntN(2) * rnd.IntN(3000); n > 0 && int(taken) < len(sizes); n-- {
				p.takeNo(t, taken, sizes[taken], rnd.IntN(3) > 0)
				taken++
			}
			if rnd.IntN(2) == 0 {
				for ; int(taken) < len(sizes); taken++ {
					p.takeNo(t, taken, sizes[taken], rnd.IntN(3) > 0)
				}
				p.r.Release()
			}
		}
	}
}

// TestLargeEntryAtTheEnd: the largest entry follows the usual part where it finds no room at
// its beginning.
func TestLargeEntryAtTheEnd(t *testing.T) {
	p := newRing(t, large*ring.CellBytes, 0)
	for i := range uint64(usual) {
		p.sendNo(t, i, 12)
		if i >= usual/16 {
			p.takeNo(t, i-usual/16, 12, true)
		}
	}
	if size := p.s.MaxEntry(); !p.sendNo(t, usual, size) || p.at() != 2*usual {
		t.Errorf("an entry of %d bytes, with %d cells unread: the sender is at cell %d", size, usual/16, p.at())
	}
}

// TestUnreadOfAReservation: padding in front of an entry that was reserved and not sent
// is none.
func TestUnreadOfAReservation(t *testing.T) {
	p := newRing(t, large*ring.CellBytes, 0)
	const unread = 5
	for i := range uint64(usual - 2) {
		p.sendNo(t, i, 12)
		if i >= unread {
			p.takeNo(t, i-unread, 12, true)
		}
	}
	if _, err := p.s.Reserve(100); err != nil {
		t.Fatal(err)
	}
	if got := p.s.Unread(unread); got != unread {
		t.Errorf("after Reserve %d entries are unread, of %d", got, unread)
	}
	p.sendNo(t, 0, 12)
	if got := p.s.Unread(unread + 1); got != unread+1 || p.at() != usual-1 {
		t.Errorf("after another entry %d are unread, of %d, and the sender is at cell %d", got, unread+1, p.at())
	}
}
