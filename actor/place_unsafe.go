package actor

import "unsafe"

// inPlace returns body as a value of type M, in which any bytes form a valid value.
// Copy it whole, once: the sender can still change it, but then only decides which
// value is read. ok is false if body has the wrong length.
func inPlace[M any](body []byte) (v *M, ok bool) {
	v = (*M)(unsafe.Pointer(unsafe.SliceData(body)))
	return v, len(body) == int(unsafe.Sizeof(*v))
}
