//go:build !amd64 || race

package cpu

import "sync/atomic"

// StoreRelease64 stores v in *p, after all earlier loads and stores of this goroutine.
// Later loads may be done before it; if they must not, use p.Store.
func StoreRelease64(p *atomic.Uint64, v uint64) { p.Store(v) }

// StoreRelease32 is StoreRelease64 for 32 bits.
func StoreRelease32(p *atomic.Uint32, v uint32) { p.Store(v) }

// Pause waits for n turns of about 10 to 100 ns.
func Pause(n int) {
	for range 32 * n {
		spin()
	}
}

// spin takes the time of a call. It touches nothing, as several goroutines may pause at
// the same time.
//
//go:noinline
func spin() {}

// copyPast is copy: here nothing bypasses the caches.
func copyPast(dst, src []byte) int { return copy(dst, src) }

// Prefetch would fetch cache lines from b on; here it does nothing.
func Prefetch(b *byte, lines int) {}
