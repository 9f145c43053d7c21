package cpu

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// TestCopyPast: it is copy, whatever the places and the lengths, also within one slice.
func TestCopyPast(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	mem, src := make([]byte, 3000), make([]byte, 3000)
	for i := range src {
		src[i] = byte(rng.Uint32())
	}
	for range 20_000 {
		at, from := rng.IntN(500), rng.IntN(500)
		n, m := 2*Line+rng.IntN(2000), 2*Line+rng.IntN(2000)
		clear(mem)
		want := bytes.Clone(mem)
		k := copy(want[at:at+n], src[from:from+m])
		if got := copyPast(mem[at:at+n], src[from:from+m]); got != k || !bytes.Equal(mem, want) {
			t.Fatalf("from %d to %d, %d bytes of %d: %d, want %d, or other bytes", from, at, m, n, got, k)
		}
		copy(mem, src)
		copy(want, src)
		copy(want[at:at+n], want[from:from+n])
		if copyPast(mem[at:at+n], mem[from:from+n]); !bytes.Equal(mem, want) {
			t.Fatalf("%d bytes from %d to %d of one slice: other bytes", n, from, at)
		}
	}
}

// TestCopier: slow copies that follow each other make others go past the caches, for longer
// each time; single ones do not.
func TestCopier(t *testing.T) {
	const n = 64 << 10
	src, dst := bytes.Repeat([]byte{1, 2, 3}, n/3+1)[:n], make([]byte, n+100)
	slow, fast := time.Duration(n), time.Duration(n/slowRate)
	var c Copier
	for range certain - 1 {
		c.took(n, slow)
	}
	c.took(n, fast)
	c.took(n, slow)
	if c.past.Load() != 0 || c.slow.Load() != 1 {
		t.Fatalf("after single slow copies %d are to go past the caches", c.past.Load())
	}
	for range certain - 1 {
		c.took(n, slow)
	}
	for want := int32(firstPast); want <= morePast; want *= 2 {
		if got := c.past.Load(); got != want {
			t.Fatalf("%d copies are to go past the caches, want %d", got, want)
		}
		for range want {
			clear(dst)
			if k := c.Copy(dst, src); k != n || !bytes.Equal(dst[:n], src) || dst[n] != 0 {
				t.Fatalf("%d bytes were copied of %d, or others", k, n)
			}
		}
		if c.past.Load() != 0 {
			t.Fatal("the run does not end")
		}
		c.took(n, slow)
	}
	if got := c.past.Load(); got != morePast {
		t.Errorf("%d copies are to go past the caches, want %d", got, morePast)
	}
	c.past.Store(0)
	c.took(n, fast)
	if c.slow.Load() != 0 || c.past.Load() != 0 {
		t.Error("it goes past the caches after a fast copy")
	}
}

// TestCopierTimes: some copies are timed, and none outside the bounds.
func TestCopierTimes(t *testing.T) {
	for n, timed := range map[int]bool{leastPast - 1: false, leastPast: true, mostPast - 1: true, mostPast: false} {
		src, dst := bytes.Repeat([]byte{7}, n), make([]byte, n)
		var c Copier
		c.turns.Store(timedOf - 1)
		if k := c.Copy(dst, src); k != n || !bytes.Equal(dst, src) {
			t.Errorf("%d bytes were copied of %d, or others", k, n)
		}
		if got := c.turns.Load() == 0; got != timed {
			t.Errorf("a copy of %d bytes was timed: %v", n, got)
		}
	}
}

func BenchmarkCopyPast(b *testing.B) {
	src, dst := make([]byte, 64<<10), make([]byte, 64<<10)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		copyPast(dst, src)
	}
}
