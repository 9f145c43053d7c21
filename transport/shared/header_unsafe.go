package shared

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

const (
	magic      = 0x3130524148534e55 // "UNSHAR01" in memory
	version    = 1
	pidEntries = 128
	maxViews   = 100
)

// header is the beginning of the file. Its fields are fixed by this version.
type header struct {
	magic   uint64                    // written by the creator, before anybody else has the file
	version uint32                    // likewise
	_       uint32                    //
	size    uint64                    // likewise: bytes of the file
	next    atomic.Uint32             // the last party number that was drawn
	lock    MutexWord                 // of views and view
	views   atomic.Uint32             // how many entries of view are in use; stored after the entry
	_       uint32                    //
	pids    [pidEntries]atomic.Uint64 // party << 32 | pid, at party % pidEntries
	view    [maxViews]viewEntry       //
}

// viewEntry records the layout that the first View at an offset had.
type viewEntry struct {
	offset, size uint64 // bytes
	hash         uint64 // of the layout
}

// The header fits, or this array has a negative length, which does not compile.
var _ [HeaderBytes - unsafe.Sizeof(header{})]byte

func headerOf(mem []byte) *header { return (*header)(unsafe.Pointer(unsafe.SliceData(mem))) }

// inside refuses a word that is not in the memory, which another process would not
// see.
func inside[W any](m *Memory, word *W) error {
	at := uintptr(unsafe.Pointer(word)) - uintptr(unsafe.Pointer(unsafe.SliceData(m.mem)))
	if word == nil || at < HeaderBytes || at > uintptr(len(m.mem)) || uintptr(len(m.mem))-at < unsafe.Sizeof(*word) {
		return fmt.Errorf("%w: the %T is not in this memory: take it from a View", ErrForeign, word)
	}
	return nil
}

// at returns the T at offset; the caller has checked that it fits.
func at[T any](m *Memory, offset int) *T { return (*T)(unsafe.Pointer(&m.Bytes()[offset])) }
