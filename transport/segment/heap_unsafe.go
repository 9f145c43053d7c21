package segment

import "unsafe"

// aligned returns n bytes of zeroed heap memory that begin at a multiple of
// pageBytes, so that words are aligned as in a mapping.
func aligned(n int) []byte {
	b := make([]byte, n+pageBytes)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (pageBytes - 1)
	return b[skip : skip+n : skip+n]
}
