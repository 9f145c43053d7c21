package ring_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/ring"
)

// pages is a ring in this process's heap, so that the race detector sees it.
type pages struct {
	send *transport.SendPage
	recv *transport.RecvPage
	s    *ring.Sender
	r    *ring.Receiver
}

// newRing makes an empty ring whose sequences begin at start.
func newRing(t testing.TB, cells int, start uint64) *pages {
	t.Helper()
	send, err := transport.NewSendPage(make([]byte, transport.SendPageHeader+cells), cells)
	if err != nil {
		t.Fatal(err)
	}
	recv, err := transport.NewRecvPage(make([]byte, transport.RecvPageBytes))
	if err != nil {
		t.Fatal(err)
	}
	send.Tail.Store(start)
	p := &pages{send: send, recv: recv, s: ring.NewSender(send), r: ring.NewReceiver(send, recv.Head, start)}
	p.s.SetHead(recv.Head, start)
	return p
}

// next is the receiver's Next, or, with front, the shorter way to the same.
func (p *pages) next(front bool) (transport.Entry, error) {
	if !front || p.r.Look() != nil {
		return p.r.Next()
	}
	b, end := p.r.Front()
	if b == nil {
		return p.r.Next()
	}
	e := transport.Entry{Seq: p.r.ReadTo(), End: end, Bytes: b}
	p.r.Pass(end)
	return e, nil
}

// reserve is the sender's Reserve and show its Commit, or, with quick, the shorter
// way to the same where that goes.
func (p *pages) reserve(n int, quick bool) (b []byte, show func() error, err error) {
	if quick && n <= p.s.MaxEntry() {
		if b = p.s.Quick(n); b != nil {
			return b, func() error { p.s.Show(); return nil }, nil
		}
	}
	b, err = p.s.Reserve(n)
	return b, p.s.Commit, err
}

func entry(i uint64, size int) []byte {
	b := make([]byte, size)
	for k := range b {
		b[k] = byte(i*7 + uint64(k))
	}
	return b
}

// TestConcurrent: one goroutine sends, another receives, from a sequence just
// below where 48 bits end. Under -race it shows that the words order the bytes.
func TestConcurrent(t *testing.T) {
	n := uint64(testutil.Rounds(20_000, 10_000_000))
	p := newRing(t, 16<<10, 1<<48-500)
	go func() {
		for i := uint64(0); i < n; {
			b, show, err := p.reserve(int(i%200), i%3 > 0)
			if errors.Is(err, transport.ErrFull) {
				runtime.Gosched()
				continue
			}
			copy(b, entry(i, len(b)))
			if show() != nil {
				panic("commit")
			}
			i++
		}
	}()
	for i := uint64(0); i < n; {
		e, err := p.next(i%2 == 0)
		if errors.Is(err, transport.ErrEmpty) {
			p.r.Release()
			runtime.Gosched()
			continue
		}
		if err != nil || string(e.Bytes) != string(entry(i, int(i%200))) {
			t.Fatalf("entry %d: %d bytes, %v", i, len(e.Bytes), err)
		}
		p.r.Done()
		i++
	}
}

// TestHostileWords: whatever a peer writes into its words and cells, the other
// side returns an entry within the cells, empty or full, or a CorruptError.
func TestHostileWords(t *testing.T) {
	const cells = 1 << 12
	for round := range testutil.Rounds(100, 10_000) {
		rnd := rand.New(rand.NewPCG(uint64(round), 1))
		p := newRing(t, cells, 0)
		for i := range uint64(5) {
			b, err := p.s.Reserve(50 * int(i))
			if err != nil {
				t.Fatal(err)
			}
			copy(b, entry(i, len(b)))
			if err := p.s.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			switch rnd.IntN(3) {
			case 0:
				p.send.Tail.Store(p.send.Tail.Load() ^ 1<<rnd.IntN(64))
			case 1:
				p.send.Cells[rnd.IntN(cells/64)*64+rnd.IntN(4)] ^= 1 << rnd.IntN(8)
			case 2:
				p.recv.Head.Store(p.recv.Head.Load() ^ 1<<rnd.IntN(64))
			}
			for range 10 {
				e, err := p.next(rnd.IntN(2) == 0)
				if err != nil {
					checkError(t, err)
					break
				}
				if len(e.Bytes) > cells {
					t.Fatalf("an entry of %d bytes in %d bytes of cells", len(e.Bytes), cells)
				}
				p.r.Done()
			}
			if _, err := p.s.Reserve(rnd.IntN(900)); err != nil {
				checkError(t, err)
			}
		}
	}
}

func checkError(t *testing.T, err error) {
	t.Helper()
	c := new(transport.CorruptError)
	if !errors.Is(err, transport.ErrEmpty) && !errors.Is(err, transport.ErrFull) && !errors.As(err, &c) {
		t.Fatal(err)
	}
}

// TestCorruptIsFinal: a queue whose sender broke the rules says so for ever.
func TestCorruptIsFinal(t *testing.T) {
	p := newRing(t, 4096, 0)
	p.send.Tail.Store(1 << 40)
	for range 3 {
		if _, err := p.r.Next(); err == nil || errors.Is(err, transport.ErrEmpty) {
			t.Fatal(err)
		}
	}
}

// TestEveryInterleaving runs the steps of a sender and a receiver on a tiny
// ring in every order, with the death of the receiver after any of its steps
// and a successor that starts where the in-flight word says. What was committed
// is seen exactly once, in order, but for the one in hand.
func TestEveryInterleaving(t *testing.T) {
	const entries, all = 3, 1 << (4 * 3)
	p := newRing(t, ring.MinBytes, 0)
	orders := all
	if testutil.RaceEnabled { // one goroutine: there is nothing for it to see
		orders = all / 64
	}
	for k := range orders {
		order := k * (all / orders) // bit: whose step it is
		for crash := range 2*entries + 1 {
			interleave(t, p, order, crash, entries)
		}
	}
}

// reset makes the ring empty again. The cells keep what was in them.
func (p *pages) reset() {
	p.send.Tail.Store(0)
	p.recv.Head.Store(0)
	p.s, p.r = ring.NewSender(p.send), ring.NewReceiver(p.send, p.recv.Head, 0)
	p.s.SetHead(p.recv.Head, 0)
}

func interleave(t *testing.T, p *pages, order, crash, entries int) {
	p.reset()
	sent, got, steps := 0, []byte{}, 0
	reserved, inHand := false, false
	var at transport.Entry
	for i := range 4 * entries {
		if order>>i&1 == 0 { // the sender: reserve and write, or commit
			if !reserved && sent < entries {
				if b, err := p.s.Reserve(100); err == nil {
					copy(b, entry(uint64(sent), 100))
					reserved = true
				}
			} else if reserved {
				_ = p.s.Commit()
				reserved, sent = false, sent+1
			}
			continue
		}
		steps++ // the receiver: take in hand, or finish
		if inHand {
			got = append(got, at.Bytes[0])
			p.r.Done()
			p.r.Release()
			inHand = false
		} else if e, err := p.r.Next(); err == nil {
			at, inHand = e, true
		}
		if steps == crash { // its successor goes on after what was in hand
			start := p.recv.Head.Load()
			if inHand {
				start = at.End
				got = append(got, at.Bytes[0])
				inHand = false
			}
			p.r = ring.NewReceiver(p.send, p.recv.Head, start)
			p.s.SetHead(p.recv.Head, start)
		}
	}
	for { // whoever is there at the end reads the rest
		if inHand {
			got = append(got, at.Bytes[0])
			p.r.Done()
			inHand = false
		}
		e, err := p.r.Next()
		if err != nil {
			break
		}
		got = append(got, e.Bytes[0])
		p.r.Done()
	}
	want := []byte{}
	for i := range sent {
		want = append(want, entry(uint64(i), 1)[0])
	}
	if string(got) != string(want) {
		t.Fatalf("order %b, crash after %d: got %v, want %v", order, crash, got, want)
	}
}

// FuzzRing turns bytes into operations and compares with a slice.
func FuzzRing(f *testing.F) {
	f.Add([]byte{0, 10, 1, 2, 200, 3, 1, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := newRing(t, 2048, 1<<48-3)
		var model [][]byte
		lent, n := 0, uint64(0)
		for k, op := range ops {
			switch op % 4 {
			case 0, 1: // send, in one of two ways
				size := int(op) + k%300
				b, show, err := p.reserve(size, op%4 == 1)
				if err != nil {
					continue
				}
				copy(b, entry(n, size))
				if err := show(); err != nil {
					t.Fatal(err)
				}
				model = append(model, entry(n, size))
				n++
			case 2: // receive, in one of two ways
				e, err := p.next(op >= 128)
				if (err == nil) != (lent < len(model)) {
					t.Fatalf("%v with %d of %d lent", err, lent, len(model))
				}
				if err == nil {
					if string(e.Bytes) != string(model[lent]) {
						t.Fatal("another entry than was sent")
					}
					p.r.Done()
					lent++
				}
			case 3:
				p.r.Release()
			}
		}
	})
}

func TestCheck(t *testing.T) {
	for _, n := range []int{0, -1, 1000, ring.MinBytes - 1, ring.MaxBytes * 2} {
		if ring.Check(n) == nil {
			t.Errorf("%d was accepted", n)
		}
	}
	if err := ring.Check(ring.MinBytes); err != nil {
		t.Error(err)
	}
}

// BenchmarkRing is what an entry of 64 bytes costs without another process:
// batches of entries are sent and then received.
func BenchmarkRing(b *testing.B) {
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			p := newRing(b, 256<<10, 0)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				m, err := p.s.Reserve(64)
				if err != nil {
					b.Fatal(err)
				}
				m[0] = byte(n)
				_ = p.s.Commit()
				if n%batch == batch-1 {
					for {
						e, err := p.r.Next()
						if err != nil {
							break
						}
						_ = e.Bytes[0]
						p.r.Done()
					}
					p.r.Release()
				}
			}
		})
	}
}

// TestRoomy: a sender that waits is told of room when half of the ring is free,
// not before, and whatever it waits for then fits.
func TestRoomy(t *testing.T) {
	const cells = 1 << 12
	for start := range uint64(cells / ring.CellBytes) { // wherever the ring is full
		p := newRing(t, cells, start)
		for {
			b, err := p.s.Reserve(100)
			if err != nil {
				break
			}
			copy(b, entry(0, len(b)))
			if err := p.s.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		for {
			p.r.Release()
			free := cells - int(p.send.Tail.Load()-p.recv.Head.Load())*ring.CellBytes
			if p.r.Roomy() != (free >= cells/2) {
				t.Fatalf("from %d: Roomy is %v with %d of %d bytes free", start, p.r.Roomy(), free, cells)
			}
			if p.r.Roomy() {
				break
			}
			if _, err := p.r.Next(); err != nil {
				t.Fatal(err)
			}
			p.r.Done()
		}
		if _, err := p.s.Reserve(p.s.MaxEntry()); err != nil {
			t.Fatalf("from %d: roomy, and the largest entry: %v", start, err)
		}
	}
}

// TestWhatIsRefused: each rule that a peer can break has an error of its own.
func TestWhatIsRefused(t *testing.T) {
	const cells, n = 1 << 12, 1 << 12 / ring.CellBytes
	put := func(p *pages, v uint32) { binary.LittleEndian.PutUint32(p.send.Cells, v) }
	for what, write := range map[string]func(*pages){
		"ring tail":       func(p *pages) { p.send.Tail.Store(n + 1) },
		"entry end":       func(p *pages) { put(p, 100); p.send.Tail.Store(2) },
		"entry length":    func(p *pages) { put(p, cells/4); p.send.Tail.Store(n) },
		"pad at the tail": func(p *pages) { put(p, 1<<32-1); p.send.Tail.Store(n) },
	} {
		p := newRing(t, cells, 0)
		write(p)
		_, err := p.r.Next()
		if c := new(transport.CorruptError); !errors.As(err, &c) || c.What != what {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := newRing(t, cells, 0)
	fill := func() (err error) {
		for err == nil {
			if _, err = p.s.Reserve(1000); err == nil {
				err = p.s.Commit()
			}
		}
		return err
	}
	for _, wrong := range []func(good uint64) uint64{ // the receiver has read everything, and then says something else
		func(good uint64) uint64 { return 0 },
		func(good uint64) uint64 { return good + 1 },
		func(good uint64) uint64 { return 1 << 40 },
	} {
		if err := fill(); !errors.Is(err, transport.ErrFull) {
			t.Fatal(err)
		}
		p.recv.Head.Store(p.s.Next())
		if err := fill(); !errors.Is(err, transport.ErrFull) {
			t.Fatal(err)
		}
		good := p.s.Next()
		head := wrong(good)
		p.recv.Head.Store(head)
		_, err := p.s.Reserve(1000)
		if c := new(transport.CorruptError); !errors.As(err, &c) || c.What != "ring head" {
			t.Errorf("head %d: %v", head, err)
		}
		p.recv.Head.Store(good)
	}
}
