package ring_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/internal/cpu"
)

// BenchmarkFar is what an entry of 76 bytes costs its sender, with a lock and a bell as
// every message has them, while a thread on another core reads entries and looks for
// new ones about every two microseconds. With unread it gives them back unread: the
// difference is the lines that have to be taken back from it.
func BenchmarkFar(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("one processor")
	}
	b.Run("read", func(b *testing.B) { benchmarkFar(b, true) })
	b.Run("unread", func(b *testing.B) { benchmarkFar(b, false) })
}

func benchmarkFar(b *testing.B, read bool) {
	const pauses = 50
	p := newRing(b, 256<<10, 0)
	var stop atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		runtime.LockOSThread()
		var sum uint64
		for !stop.Load() {
			if !read {
				p.recv.Head.Store(p.send.Tail.Load())
			}
			for read {
				e, err := p.r.Next()
				if err != nil {
					break
				}
				sum += binary.LittleEndian.Uint64(e.Bytes) + binary.LittleEndian.Uint64(e.Bytes[len(e.Bytes)-8:])
				p.r.Done()
				if p.r.Unreleased() >= 64<<10 {
					p.r.Release()
				}
			}
			p.r.Release()
			cpu.Pause(pauses)
		}
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var mu sync.Mutex
	var payload [64]byte
	for b.Loop() {
		mu.Lock()
		m, err := p.s.Reserve(12 + len(payload))
		for err != nil {
			cpu.Pause(1)
			m, err = p.s.Reserve(12 + len(payload))
		}
		binary.LittleEndian.PutUint32(m, 1)
		copy(m[12:], payload[:])
		p.s.Show()
		p.send.Bell.Add(1)
		mu.Unlock()
	}
	stop.Store(true)
	reader.Wait()
}
