package codec

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"time"
	"unsafe"
)

// Append appends the encoding of the value that v, a pointer, points to. Things
// that the value hands over are added to out, which may be nil for types that do
// not Lend. If it fails, the bytes after len(dst) are without meaning.
func Append(t *Type, dst []byte, v any, out *Lent) ([]byte, error) {
	p := t.pointer(v)
	if t.flat {
		return append(dst, unsafe.Slice((*byte)(p), t.plan.size)...), nil
	}
	dst, err := t.plan.encode(dst, hide(p), (*Lent)(hide(unsafe.Pointer(out))), 0)
	runtime.KeepAlive(v)
	runtime.KeepAlive(out)
	if err != nil {
		err = t.blame(err)
	}
	return dst, err
}

// pointer is where v, a pointer to a value of the type, points. It panics when
// v is anything else. The functions of this package take values so, and not as
// type parameters, because then they are compiled once and inlined into each
// other.
func (t *Type) pointer(v any) unsafe.Pointer {
	f := (*face)(unsafe.Pointer(&v))
	if f.typ != t.key {
		t.checkPointer(v)
	}
	return f.data
}

// checkPointer is apart so that pointer is inlined.
func (t *Type) checkPointer(v any) {
	if got := reflect.TypeOf(v); got == nil || got.Kind() != reflect.Pointer || got.Elem() != t.rtype {
		panic("codec: " + fmt.Sprint(got) + " with the codec.Type of " + t.name + ": a pointer to one is expected")
	}
}

// Bytes is the memory of the flat value that v, a pointer, points to, which is
// its encoding. The slice is valid as long as the value is.
func Bytes(t *Type, v any) []byte {
	if !t.flat {
		panic("codec: Bytes of a type that is not flat")
	}
	return unsafe.Slice((*byte)(t.pointer(v)), t.plan.size)
}

// Copy returns a pointer to a new value that is assigned what v, a pointer,
// points to.
func (t *Type) Copy(v any) any {
	n := t.copy(hide(t.pointer(v)))
	runtime.KeepAlive(v)
	return n
}

//go:noinline
func (t *Type) copy(p unsafe.Pointer) any {
	n := reflect.New(t.rtype)
	n.Elem().Set(reflect.NewAt(t.rtype, p).Elem())
	return n.Interface()
}

// blame completes an error with what only the type knows.
func (t *Type) blame(err error) error {
	switch e := err.(type) {
	case *LimitError:
		e.Type = t.name
	case *MarshalError:
		e.Type = t.name
	case *CorruptError:
		e.Type = t.name
	}
	return err
}

// enter checks the bounds of a value that contains itself.
func enter(depth, bytes int) error {
	if depth >= MaxDepth {
		return &LimitError{What: "values nest too deep", Limit: MaxDepth, Hint: "does the value contain itself? send long lists as slices"}
	}
	if bytes > MaxBytes {
		return &LimitError{What: "the encoding has too many bytes", Limit: MaxBytes, Hint: "does the value contain the same pointer many times? send it in parts"}
	}
	return nil
}

// encode appends the value at p.
func (pl *plan) encode(dst []byte, p unsafe.Pointer, out *Lent, depth int) ([]byte, error) {
	for i := range pl.ops {
		o := &pl.ops[i]
		f := unsafe.Add(p, o.off)
		switch o.kind {
		case opCopy1:
			dst = append(dst, *(*byte)(f))
		case opCopy4:
			dst = append(dst, (*(*[4]byte)(f))[:]...)
		case opCopy8:
			dst = append(dst, (*(*[8]byte)(f))[:]...)
		case opCopy16:
			dst = append(dst, (*(*[16]byte)(f))[:]...)
		case opCopy, opBools:
			dst = append(dst, unsafe.Slice((*byte)(f), o.size)...)
		case opString:
			s := *(*string)(f)
			if n := len(dst); uint(len(s)) < uint(cap(dst)-n) && len(s) < 0x80 {
				// The usual case, with one look at the room.
				dst = dst[:n+1+len(s)]
				dst[n] = byte(len(s))
				copy(dst[n+1:], s)
				continue
			}
			dst = append(appendLength(dst, uint64(len(s))), s...)
		case opFlatSlice:
			s := (*slice)(f)
			if o.size == 0 && s.len > MaxEmpty {
				return dst, tooManyEmpty()
			}
			dst = append(appendLength(dst, s.mark()), s.bytes(o.size)...)
		default:
			var err error
			if dst, err = o.encode(dst, f, out, depth); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// encode is the rarer half of plan.encode.
func (o *op) encode(dst []byte, f unsafe.Pointer, out *Lent, depth int) ([]byte, error) {
	switch o.kind {
	case opStrings:
		dst = appendLength(dst, (*slice)(f).mark())
		for _, s := range *(*[]string)(f) {
			dst = append(appendLength(dst, uint64(len(s))), s...)
		}
		return dst, nil
	case opSlice:
		s := (*slice)(f)
		return o.sub.encodeAll(appendLength(dst, s.mark()), s.data, s.len, out, depth+1)
	case opArray:
		return o.sub.encodeAll(dst, f, o.aux.n, out, depth+1)
	case opPointer:
		to := *(*unsafe.Pointer)(f)
		if to == nil {
			return append(dst, 0), nil
		}
		return o.sub.encodeAll(append(dst, 1), to, 1, out, depth+1)
	case opMap:
		return o.aux.maps.encode(dst, o.aux.word, *(*unsafe.Pointer)(f), out, depth+1)
	case opTime:
		at := len(dst)
		dst, err := (*(*time.Time)(f)).AppendBinary(append(dst, 0))
		if err != nil {
			return dst, &MarshalError{Of: "time.Time", Op: "AppendBinary", Err: err}
		}
		dst[at] = byte(len(dst) - at - 1)
		return dst, nil
	case opLend:
		index, err := faceOf(o.aux.word, f).(Lender).UnderstudyLend(out)
		if err != nil {
			return dst, &MarshalError{Of: typeName(o.aux.rtype), Op: "UnderstudyLend", Err: err}
		}
		return binary.LittleEndian.AppendUint32(dst, index), nil
	}
	return o.marshal(dst, f)
}

// encodeAll appends n values that stand one after another.
func (pl *plan) encodeAll(dst []byte, p unsafe.Pointer, n int, out *Lent, depth int) ([]byte, error) {
	for i := range n {
		err := enter(depth, len(dst))
		if err != nil {
			return dst, err
		}
		if dst, err = pl.encode(dst, unsafe.Add(p, uintptr(i)*pl.size), out, depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func tooManyEmpty() error {
	return &LimitError{What: "slice of too many elements without size", Limit: MaxEmpty, Hint: "send their number"}
}

// slice is the memory of a slice.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

// mark is the length in the encoding: 0 for nil, one more than len for others.
func (s *slice) mark() uint64 {
	if s.data == nil {
		return 0
	}
	return uint64(s.len) + 1
}

// bytes is the memory of the elements.
func (s *slice) bytes(size uintptr) []byte {
	n := s.len * int(size)
	return *(*[]byte)(unsafe.Pointer(&slice{s.data, n, n}))
}
