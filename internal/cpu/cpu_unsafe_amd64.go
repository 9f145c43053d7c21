//go:build !race

package cpu

import (
	"sync/atomic"
	"unsafe"
)

// StoreRelease64 stores v in *p, after all earlier loads and stores of this
// goroutine. Later loads may pass it: who needs them not to uses p.Store.
func StoreRelease64(p *atomic.Uint64, v uint64) { *(*uint64)(unsafe.Pointer(p)) = v }

// StoreRelease32 is StoreRelease64 for 32 bits.
func StoreRelease32(p *atomic.Uint32, v uint32) { *(*uint32)(unsafe.Pointer(p)) = v }

// Pause waits for n turns of about 10 to 100 ns, which leaves the core to the
// thread that shares it, if one does.
//
//go:noescape
func Pause(n int)

// copyPast is copy past the caches, of at least two lines.
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

// copyLines copies lines to dst, where one begins, by stores that go to memory and take
// the line from whoever has it.
//
//go:noescape
func copyLines(dst, src *byte, lines int)

// Prefetch asks for lines from b on, in order to read them. It never
// faults: there need be no memory.
//
//go:noescape
func Prefetch(b *byte, lines int)
