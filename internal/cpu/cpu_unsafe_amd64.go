//go:build !race

package cpu

import (
	"sync/atomic"
	"unsafe"
)

// StoreRelease64 stores v in *p, after all earlier loads and stores of this goroutine.
// Later loads may be done before it; if they must not, use p.Store.
func StoreRelease64(p *atomic.Uint64, v uint64) { *(*uint64)(unsafe.Pointer(p)) = v }

// StoreRelease32 is StoreRelease64 for 32 bits.
func StoreRelease32(p *atomic.Uint32, v uint32) { *(*uint32)(unsafe.Pointer(p)) = v }

// Pause waits for n turns of about 10 to 100 ns, during which a thread that shares the
// core has more of it.
//
//go:noescape
func Pause(n int)

// copyPast is copy, but bypasses the caches. dst and src have at least two lines.
func copyPast(dst, src []byte) int {
	n := min(len(dst), len(src))
	to, from := uintptr(unsafe.Pointer(unsafe.SliceData(dst))), uintptr(unsafe.Pointer(unsafe.SliceData(src)))
	if to-from < uintptr(n) || from-to < uintptr(n) { // they overlap
		return copy(dst, src)
	}
	head := int(-to & (Line - 1))
	lines := (n - head) / Line
	copy(dst[:head], src)
	copyLines(&dst[head], &src[head], lines)
	done := head + lines*Line
	return done + copy(dst[done:n], src[done:n])
}

// copyLines copies lines to dst, which must be the beginning of one, by stores that go to
// memory and invalidate the line in all caches.
//
//go:noescape
func copyLines(dst, src *byte, lines int)

// Prefetch starts to fetch cache lines from b on for reading. It never faults, even if
// there is no memory.
//
//go:noescape
func Prefetch(b *byte, lines int)
