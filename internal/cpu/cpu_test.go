package cpu

import (
	"sync/atomic"
	"testing"
)

func TestStores(t *testing.T) {
	var a atomic.Uint64
	var b, beside atomic.Uint32
	beside.Store(7)
	for _, v := range []uint64{1, 0, 1<<64 - 1, 1 << 63, 0x0123456789abcdef} {
		StoreRelease64(&a, v)
		StoreRelease32(&b, uint32(v))
		if a.Load() != v || b.Load() != uint32(v) || beside.Load() != 7 {
			t.Fatalf("%#x: %#x, %#x, %d", v, a.Load(), b.Load(), beside.Load())
		}
	}
	Pause(3)
	Prefetch(nil, 2) // never faults
}

// TestOrder: who sees the second store sees the first.
func TestOrder(t *testing.T) {
	var first, second atomic.Uint64
	const n = 200_000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := uint64(1); i <= n; i++ {
			StoreRelease64(&first, i)
			StoreRelease64(&second, i)
		}
	}()
	for s := uint64(0); s < n; {
		s = second.Load()
		if f := first.Load(); f < s {
			t.Fatalf("second is %d, first %d", s, f)
		}
	}
	<-done
}

func BenchmarkStore(b *testing.B) {
	var w atomic.Uint64
	for i := uint64(0); b.Loop(); i++ {
		w.Store(i)
	}
}

func BenchmarkStoreRelease(b *testing.B) {
	var w atomic.Uint64
	for i := uint64(0); b.Loop(); i++ {
		StoreRelease64(&w, i)
	}
}

func BenchmarkPause(b *testing.B) {
	for b.Loop() {
		Pause(1)
	}
}

// TestPauseTogether: goroutines that pause at the same time share nothing, for the race
// detector of who uses this.
func TestPauseTogether(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		Pause(100)
	}()
	Pause(100)
	<-done
}
