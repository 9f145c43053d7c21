package codec

import "reflect"

// LostKeys is the number of types that Of would have to look for twice.
func LostKeys() (n int) {
	mu.Lock()
	defer mu.Unlock()
	for key, t := range keys {
		if lookup(key) != t {
			n++
		}
	}
	return n
}

// ReadsMapsInPlace says that the entries of maps are not copied.
func ReadsMapsInPlace() bool { return iterKnown }

// CopyMaps makes maps go the other way, until the result is called.
func CopyMaps() (back func()) {
	old := iterKnown
	iterKnown = false
	return func() { iterKnown = old }
}

// For returns the Type of t, as Of does.
func For(t reflect.Type) (*Type, error) {
	return remember(typeWord(reflect.PointerTo(t)), t)
}
