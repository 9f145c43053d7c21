package codec

import "reflect"

// View is bytes that may be read where they lie. To encode one, and to decode it
// without Lent.Views, is the same as with a []byte, and its structure is that of a
// []byte: the two sides of a message need not agree on it.
type View []byte

var (
	viewType  = reflect.TypeFor[View]()
	bytesType = reflect.TypeFor[[]byte]()
)

// Views says that values may have a View in them, which Decode lets point into the
// bytes that it is given.
func (t *Type) Views() bool { return t.views }

// mayView says that a View that is decoded may point into the bytes.
func (l *Lent) mayView() bool { return l != nil && l.Views }
