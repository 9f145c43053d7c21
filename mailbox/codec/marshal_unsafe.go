package codec

import (
	"encoding"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"unsafe"
)

// marshal appends what the methods of the field's type write. They get a copy, since the
// value may be on the stack, and methods of the program must not get a pointer to that.
func (o *op) marshal(dst []byte, f unsafe.Pointer) ([]byte, error) {
	v := reflect.New(o.aux.rtype)
	v.Elem().Set(reflect.NewAt(o.aux.rtype, f).Elem())
	fail := func(op string, err error) error {
		return &MarshalError{Of: typeName(o.aux.rtype), Op: op, Err: err}
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if o.aux.appender {
		b, err := v.Interface().(encoding.BinaryAppender).AppendBinary(dst)
		if err != nil {
			return dst, fail("AppendBinary", err)
		}
		if len(b) < len(dst) {
			return dst, fail("AppendBinary", errShrunk)
		}
		dst = b
	} else {
		b, err := v.Interface().(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return dst, fail("MarshalBinary", err)
		}
		dst = append(dst, b...)
	}
	n := len(dst) - at - blobBytes
	if n > math.MaxUint32 {
		return dst, &LimitError{What: typeName(o.aux.rtype) + " has too many bytes", Limit: math.MaxUint32, Hint: "send it in parts"}
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(n))
	return dst, nil
}

// errShrunk is the error for an AppendBinary that returns less than it was given.
var errShrunk = errors.New("it returned fewer bytes than it was given to append to")

// unmarshal lets the methods of the field's type read a copy of the bytes, into memory
// that they may keep a pointer to.
func (o *op) unmarshal(src []byte, f unsafe.Pointer) ([]byte, error) {
	if len(src) < blobBytes {
		return src, short(src, blobBytes)
	}
	n := uint64(binary.LittleEndian.Uint32(src))
	rest := src[blobBytes:]
	if n > uint64(len(rest)) {
		return src, corrupt("a length", n, uint64(len(rest)))
	}
	own := append([]byte(nil), rest[:n]...)
	v := reflect.New(o.aux.rtype)
	if err := v.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(own); err != nil {
		return src, &MarshalError{Of: typeName(o.aux.rtype), Op: "UnmarshalBinary", Err: err}
	}
	reflect.NewAt(o.aux.rtype, f).Elem().Set(v.Elem())
	return rest[n:], nil
}
