package segment

import "unsafe"

// aligned is zeroed heap memory of n bytes that begins at a multiple of
// pageBytes, so that the words in it are aligned as they are in a mapping.
func aligned(n int) []byte {
	b := make([]byte, n+pageBytes)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (pageBytes - 1)
	return b[skip : skip+n : skip+n]
}
