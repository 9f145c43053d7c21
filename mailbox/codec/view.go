package codec

import "reflect"

// View is a []byte that the receiver may read in place. It is encoded, and without
// Lent.Views also decoded, as a []byte, and has the same structure: the two sides of a
// message need not agree on which of the two they use.
type View []byte

var (
	viewType  = reflect.TypeFor[View]()
	bytesType = reflect.TypeFor[[]byte]()
)

// Views reports whether values may contain a View, which Decode can let point into the
// bytes that it is given.
func (t *Type) Views() bool { return t.views }

// mayView reports whether a decoded View may point into the bytes.
func (l *Lent) mayView() bool { return l != nil && l.Views }
