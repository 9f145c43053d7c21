package ring_test

import (
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
