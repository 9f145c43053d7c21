package actor

import "unsafe"

// inPlace is the value that body is, of a type any bytes of which are a value.
// Whoever reads it reads it once, all of it: the sender can change it, which then
// decides which value it is, and nothing else. ok is false if body has another
// length.
func inPlace[M any](body []byte) (v *M, ok bool) {
	v = (*M)(unsafe.Pointer(unsafe.SliceData(body)))
	return v, len(body) == int(unsafe.Sizeof(*v))
}
