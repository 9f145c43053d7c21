package ring_test

import (
	"testing"

	"github.com/understudy-go/understudy/transport/ring"
)

// TestCount: entries are counted from any of them on, also beyond padding; where the sender
// has written over them, or no entry begins, Count says so.
func TestCount(t *testing.T) {
	const cells = 4096
	p := newRing(t, cells, 0)
	send := func(n int) {
		t.Helper()
		if _, err := p.s.Reserve(n); err != nil {
			t.Fatal(err)
		}
		if err := p.s.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	count := func(at, want uint64, ok bool) {
		t.Helper()
		if n, is := ring.Count(p.send, at); is != ok || ok && n != want {
			t.Errorf("%d entries from %d on, %v; want %d, %v", n, at, is, want, ok)
		}
	}
	count(0, 0, true)
	for lap := range 40 {
		var begins []uint64
		for i := range 5 {
			begins = append(begins, p.s.Next())
			send(100*i + lap)
		}
		for i, at := range begins {
			count(at, uint64(5-i), true)
		}
		count(p.s.Next(), 0, true)
		for range begins {
			if _, err := p.r.Next(); err != nil {
				t.Fatal(err)
			}
			p.r.Done()
		}
		p.r.Release()
		if p.s.Next() > cells/ring.CellBytes {
			count(p.s.Next()-cells/ring.CellBytes-1, 0, false)
		}
	}
	count(p.s.Next()+1, 0, false)
	at := p.s.Next()
	send(64)
	p.send.Cells[at*ring.CellBytes%cells+2] = 1 // a length that is too long
	count(at, 0, false)
}
