package codec

import (
	"encoding/binary"
	"reflect"
	"runtime"
	"time"
	"unsafe"
)

// Decode decodes all of src into the value that v, a pointer, points to. Afterwards the
// value shares no memory with src, except in a View if in.Views is set. What was handed
// over beside the message is taken from in, which may be nil for types that do not Lend.
// If Decode fails, the value is the zero value.
//
// src may be memory that a peer is writing: each byte is read once, and checked where it
// was copied to.
func Decode(t *Type, src []byte, v any, in *Lent) error {
	p := t.pointer(v)
	var err error
	switch {
	case !t.flat:
		err = t.decode(src, hide(p), (*Lent)(hide(unsafe.Pointer(in))))
		runtime.KeepAlive(in)
	case len(src) != int(t.plan.size):
		err = t.wrongSize(len(src))
	default:
		copy(unsafe.Slice((*byte)(p), len(src)), src)
		if t.plan.bools != nil && !allBools(t.plan.words, p) {
			err = t.checkBools(hide(p))
		}
	}
	if err != nil {
		t.clear(hide(p))
	}
	runtime.KeepAlive(v)
	return err
}

//go:noinline
func (t *Type) clear(p unsafe.Pointer) { reflect.NewAt(t.rtype, p).Elem().SetZero() }

func (t *Type) wrongSize(n int) error {
	return &CorruptError{Type: t.name, What: "the number of bytes", Got: uint64(n), Max: uint64(t.plan.size)}
}

func (t *Type) checkBools(p unsafe.Pointer) error {
	if at, b := badBool(t.plan.bools, p); b > 1 {
		return &CorruptError{Type: t.name, At: int(at), What: "a bool", Got: uint64(b), Max: 1}
	}
	return nil
}

func (t *Type) decode(src []byte, p unsafe.Pointer, in *Lent) error {
	rest, err := t.plan.decode(src, p, 1, in, 0)
	if err == nil && len(rest) > 0 {
		err = corrupt("the number of bytes left over", uint64(len(rest)), 0)
	}
	if e, ok := err.(*CorruptError); ok {
		e.At = len(src) - len(rest)
	}
	if err != nil {
		err = t.blame(err)
	}
	return err
}

// corrupt returns a *CorruptError, to which Type.decode adds the type and offset.
func corrupt(what string, got, limit uint64) error {
	return &CorruptError{What: what, Got: got, Max: limit}
}

func short(src []byte, need int) error {
	return corrupt("the number of bytes needed", uint64(need), uint64(len(src)))
}

// allBools reports whether words show that the bools in the memory at p are 0 or 1.
func allBools(words []boolWord, p unsafe.Pointer) bool {
	var bad uint64
	for i := range words {
		bad |= binary.NativeEndian.Uint64((*[8]byte)(unsafe.Add(p, words[i].off))[:]) & words[i].clear
	}
	return bad == 0 && len(words) > 0
}

// badBool returns the first bool that is neither 0 nor 1, or b = 0 if there is none.
func badBool(runs []boolRun, p unsafe.Pointer) (at uintptr, b byte) {
	for i := range runs {
		r := &runs[i]
		for k := range r.n {
			off := r.off + uintptr(k)*r.stride
			if r.sub == nil {
				if b := *(*byte)(unsafe.Add(p, off)); b > 1 {
					return off, b
				}
			} else if at, b := badBool(r.sub, unsafe.Add(p, off)); b > 1 {
				return off + at, b
			}
		}
	}
	return 0, 0
}

// decode fills count consecutive values from p on, and returns what is left of src; with
// an error, what was left where it happened.
func (pl *plan) decode(src []byte, p unsafe.Pointer, count int, in *Lent, depth int) ([]byte, error) {
	o := pl.start
	for {
		f := unsafe.Add(p, o.off)
		switch o.kind {
		case opEnd:
			if count--; count == 0 {
				return src, nil
			}
			p = unsafe.Add(p, o.size)
			o = pl.start
			continue
		case opCopy8:
			if len(src) < 8 {
				return src, short(src, 8)
			}
			*(*[8]byte)(f) = [8]byte(src)
			src = src[8:]
		case opCopy4:
			if len(src) < 4 {
				return src, short(src, 4)
			}
			*(*[4]byte)(f) = [4]byte(src)
			src = src[4:]
		case opString:
			n, rest, ok := takeLength(src)
			if !ok || n > uint64(len(rest)) {
				return src, badLength("a string's length", ok, n, rest)
			}
			*(*string)(f) = string(rest[:n])
			src = rest[n:]
		case opFlatSlice:
			var err error
			if src, err = o.decodeFlat(src, f, in); err != nil {
				return src, err
			}
		case opCopy, opCopy1, opCopy2, opBool, opBools:
			if uintptr(len(src)) < o.size {
				return src, short(src, int(o.size))
			}
			if b := o.decodeCopy(src, f); b > 1 {
				return src, corrupt("a bool", uint64(b), 1)
			}
			src = src[o.size:]
		default:
			var err error
			if src, err = o.decode(src, f, in, depth); err != nil {
				return src, err
			}
		}
		o = o.next()
	}
}

// decodeCopy fills flat memory. If it finds an invalid bool, it returns that byte, and
// otherwise 0 or 1.
func (o *op) decodeCopy(src []byte, f unsafe.Pointer) byte {
	switch o.kind {
	case opCopy1:
		*(*byte)(f) = src[0]
	case opCopy2:
		*(*[2]byte)(f) = [2]byte(src)
	case opBool:
		b := src[0]
		if b > 1 {
			return b
		}
		*(*byte)(f) = b
	default:
		copy(unsafe.Slice((*byte)(f), o.size), src)
		if !allBools(o.aux.words, f) {
			_, b := badBool(o.aux.bools, f)
			return b
		}
	}
	return 0
}

func badLength(what string, ok bool, n uint64, rest []byte) error {
	if !ok {
		return corrupt(what+" (not a number)", n, 0)
	}
	return corrupt(what, n, uint64(len(rest)))
}

// decode does the rarer operations of plan.decode.
func (o *op) decode(src []byte, f unsafe.Pointer, in *Lent, depth int) ([]byte, error) {
	switch o.kind {
	case opEmpties:
		return o.decodeFlat(src, f, in)
	case opSlice:
		return o.decodeSlice(src, f, in, depth+1)
	case opPlainSlice:
		return o.decodeSlice(src, f, in, 0)
	case opArray:
		return o.sub.decodeAll(src, f, o.aux.n, in, depth+1)
	case opPointer:
		return o.decodePointer(src, f, in, depth+1)
	case opMap:
		return o.aux.maps.decode(src, f, in, depth+1)
	case opTime:
		return decodeTime(src, f)
	case opLend:
		if len(src) < lendBytes {
			return src, short(src, lendBytes)
		}
		if in != nil && in.Gone {
			return src[lendBytes:], nil
		}
		index := binary.LittleEndian.Uint32(src)
		if err := faceOf(o.aux.word, f).(Accepter).UnderstudyAccept(in, index); err != nil {
			return src, &MarshalError{Of: typeName(o.aux.rtype), Op: "UnderstudyAccept", Err: err}
		}
		return src[lendBytes:], nil
	}
	return o.unmarshal(src, f)
}

// takeCount takes a number of elements of at least min bytes each from src. null is true
// for a nil slice or map.
func takeCount(src []byte, min int) (n int, null bool, rest []byte, err error) {
	mark, rest, ok := takeLength(src)
	if !ok {
		return 0, false, src, badLength("a length", false, mark, rest)
	}
	if mark == 0 {
		return 0, true, rest, nil
	}
	limit := uint64(MaxEmpty)
	if min > 0 {
		limit = uint64(len(rest) / min)
	}
	if mark-1 > limit {
		return 0, false, src, corrupt("a number of elements", mark-1, limit)
	}
	return int(mark - 1), false, rest, nil
}

// decodeFlat fills the slice at f, whose elements are flat, by one copy. The memory is
// allocated as bytes, because then the compiler does not clear it before the copy. It is
// aligned, since the allocator aligns by size, and the size is a multiple of the
// element's. A View gets the bytes themselves, if in allows it.
func (o *op) decodeFlat(src []byte, f unsafe.Pointer, in *Lent) ([]byte, error) {
	n, null, rest, err := takeCount(src, int(o.size))
	if err != nil {
		return src, err
	}
	if null {
		*(*slice)(f) = slice{}
		return rest, nil
	}
	bytes := n * int(o.size)
	if o.aux.view && in.mayView() && n > 0 {
		*(*View)(f) = rest[:n:n]
		return rest[n:], nil
	}
	body := rest[:bytes] // in a variable of its own, or the compiler would clear mem first
	mem := make([]byte, len(body))
	copy(mem, body)
	if o.aux.bools != nil {
		for at := 0; at < len(mem); at += int(o.size) {
			e := unsafe.Pointer(&mem[at])
			if allBools(o.aux.words, e) {
				continue
			}
			if _, b := badBool(o.aux.bools, e); b > 1 {
				return src, corrupt("a bool", uint64(b), 1)
			}
		}
	}
	*(*slice)(f) = slice{unsafe.Pointer(unsafe.SliceData(mem)), n, n}
	return rest[bytes:], nil
}

// decodeSlice fills the slice at f. Grow allocates only the elements, while MakeSlice
// would also allocate the slice header.
func (o *op) decodeSlice(src []byte, f unsafe.Pointer, in *Lent, depth int) ([]byte, error) {
	n, null, rest, err := takeCount(src, o.sub.min)
	if err != nil {
		return src, err
	}
	s := (*slice)(f)
	*s = slice{}
	switch {
	case null:
		return rest, nil
	case n == 0:
		s.data = unsafe.Pointer(&nothing)
		return rest, nil
	}
	if o.aux.strings {
		*(*[]string)(f) = make([]string, n)
	} else {
		reflect.NewAt(o.aux.rtype, f).Elem().Grow(n)
		s.len, s.cap = n, n
	}
	return o.sub.decodeAll(rest, s.data, n, in, depth)
}

// nothing is the memory to which empty slices point.
var nothing struct{ _ [8]byte }

func (o *op) decodePointer(src []byte, f unsafe.Pointer, in *Lent, depth int) ([]byte, error) {
	if len(src) == 0 {
		return src, short(src, 1)
	}
	switch mark := src[0]; mark {
	case 0:
		*(*unsafe.Pointer)(f) = nil
		return src[1:], nil
	case 1:
		to := reflect.New(o.sub.rtype).UnsafePointer()
		*(*unsafe.Pointer)(f) = to
		return o.sub.decodeAll(src[1:], to, 1, in, depth)
	default:
		return src, corrupt("the mark of a pointer", uint64(mark), 1)
	}
}

// decodeAll is plan.decode for values that another value refers to.
func (pl *plan) decodeAll(src []byte, p unsafe.Pointer, count int, in *Lent, depth int) ([]byte, error) {
	if count == 0 {
		return src, nil
	}
	if err := enter(depth, 0); err != nil {
		return src, err
	}
	return pl.decode(src, p, count, in, depth)
}

// decodeTime decodes a time.Time, from a copy of the bytes.
func decodeTime(src []byte, f unsafe.Pointer) ([]byte, error) {
	if len(src) == 0 {
		return src, short(src, 1+timeBytes)
	}
	n := int(src[0])
	if n > timeBytes+1 || n >= len(src) {
		return src, corrupt("the length of a time", uint64(n), timeBytes+1)
	}
	var own [timeBytes + 1]byte
	copy(own[:], src[1:1+n])
	if err := (*time.Time)(f).UnmarshalBinary(own[:n]); err != nil {
		return src, &MarshalError{Of: "time.Time", Op: "UnmarshalBinary", Err: err}
	}
	return src[1+n:], nil
}
