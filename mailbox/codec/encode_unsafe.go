package codec

import (
	"encoding"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"time"
	"unsafe"
)

// Size is the number of bytes that Append will append for v, provided that v
// does not change in between. It fails with ErrSizeUnknown if t is Custom.
func Size[T any](t *Type, v *T) (int, error) {
	check[T](t)
	if t.plan.constant() {
		return t.plan.fixed, nil
	}
	n, err := t.measure(hide(unsafe.Pointer(v)))
	runtime.KeepAlive(v)
	return n, err
}

// Append appends the encoding of v to dst. Things that v hands over are added
// to out, which may be nil for types that do not Lend. If it fails, the bytes
// after len(dst) are without meaning.
func Append[T any](t *Type, dst []byte, v *T, out *Lent) ([]byte, error) {
	check[T](t)
	if t.flat {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))...), nil
	}
	dst, err := t.plan.encode(dst, hide(unsafe.Pointer(v)), (*Lent)(hide(unsafe.Pointer(out))), 0)
	runtime.KeepAlive(v)
	runtime.KeepAlive(out)
	if err != nil {
		err = t.blame(err)
	}
	return dst, err
}

// check panics when a value is used with the Type of another.
func check[T any](t *Type) {
	if t.key != keyOf[T]() && t.rtype != reflect.TypeFor[T]() {
		panic("codec: value of type " + reflect.TypeFor[T]().String() + " with the codec.Type of " + t.name)
	}
}

func (t *Type) measure(p unsafe.Pointer) (int, error) {
	if t.custom {
		return 0, ErrSizeUnknown
	}
	n, err := t.plan.measure(p, 0)
	if err != nil {
		err = t.blame(err)
	}
	return n, err
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

// measure is the number of bytes that encode will append.
func (pl *plan) measure(p unsafe.Pointer, depth int) (int, error) {
	total := pl.fixed
	for i := range pl.dyn {
		o := &pl.dyn[i]
		f := unsafe.Add(p, o.off)
		switch o.kind {
		case opString:
			n := len(*(*string)(f))
			total += lengthSize(uint64(n)) + n
		case opFlatSlice:
			s := (*slice)(f)
			total += lengthSize(s.mark()) + s.len*int(o.size)
		case opPointer:
			total++
			if to := *(*unsafe.Pointer)(f); to != nil {
				n, err := o.sub.measureAll(to, 1, depth+1, total)
				if err != nil {
					return 0, err
				}
				total += n
			}
		default:
			n, err := o.measure(f, depth, total)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

// measure is the rarer half of plan.measure.
func (o *op) measure(f unsafe.Pointer, depth, total int) (int, error) {
	switch o.kind {
	case opStrings:
		all := *(*[]string)(f)
		n := lengthSize((*slice)(f).mark())
		for i := range all {
			n += lengthSize(uint64(len(all[i]))) + len(all[i])
		}
		return n, nil
	case opSlice:
		s := (*slice)(f)
		n, err := o.sub.measureAll(s.data, s.len, depth+1, total)
		return n + lengthSize(s.mark()), err
	case opArray:
		return o.sub.measureAll(f, o.aux.n, depth+1, total)
	case opMap:
		return o.aux.maps.measure(o.aux.word, *(*unsafe.Pointer)(f), depth+1, total)
	case opTime:
		return 1 + timeSize(*(*time.Time)(f)), nil
	}
	return 0, ErrSizeUnknown
}

// measureAll measures n values that stand one after another.
func (pl *plan) measureAll(p unsafe.Pointer, n, depth, total int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	if err := enter(depth, total); err != nil {
		return 0, err
	}
	if pl.constant() {
		return n * pl.fixed, nil
	}
	sum := 0
	for i := range n {
		one, err := pl.measure(unsafe.Add(p, uintptr(i)*pl.size), depth)
		if err != nil {
			return 0, err
		}
		sum += one
		if err := enter(depth, total+sum); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// timeSize is the length of what time.Time.AppendBinary appends.
func timeSize(t time.Time) int {
	if t.Location() == time.UTC {
		return timeBytes
	}
	if _, offset := t.Zone(); offset%60 != 0 {
		return timeBytes + 1
	}
	return timeBytes
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

// marshal appends what the methods of the field's type make of it. They get a
// copy: the value may stand on the stack, where methods of the program must
// not get a pointer to.
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

// errShrunk is what an AppendBinary that returns less than it was given gets.
var errShrunk = errors.New("it returned fewer bytes than it was given to append to")

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
