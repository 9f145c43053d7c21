package codec

import (
	"runtime"
	"unsafe"
)

// Keyed is a value with a key: values of the same key belong together. The method must
// have a value receiver, and give the same result in every process of a program.
type Keyed interface{ RouteKey() uint64 }

// KeyOf returns the key of what v, a pointer, points to; ok is false if values of the
// type are not Keyed. It does not make v escape: the method gets a copy.
func KeyOf(t *Type, v any) (key uint64, ok bool) {
	p := t.pointer(v)
	if !t.keyed {
		return 0, false
	}
	key = routeKey(t.key, hide(p))
	runtime.KeepAlive(v)
	return key, true
}

//go:noinline
func routeKey(word, p unsafe.Pointer) uint64 { return faceOf(word, p).(Keyed).RouteKey() }

// HashKey returns a key for a string: its FNV-1a hash, which is the same in every process.
func HashKey(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
