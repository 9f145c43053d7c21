package codec

import (
	"runtime"
	"unsafe"
)

// Keyed is a value that says by itself where it belongs: values with one key
// belong together. The method must be one of the value, not of its pointer, and
// give the same in every process of a program.
type Keyed interface{ RouteKey() uint64 }

// KeyOf is v's key, or not ok if values of the type are not Keyed. It does not
// make v escape: the method gets a copy.
func KeyOf[T any](t *Type, v *T) (key uint64, ok bool) {
	check[T](t)
	if !t.keyed {
		return 0, false
	}
	key = any((*T)(hide(unsafe.Pointer(v)))).(Keyed).RouteKey()
	runtime.KeepAlive(v)
	return key, true
}

// HashKey makes a key of a string: FNV-1a, which is the same in every process.
func HashKey(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
