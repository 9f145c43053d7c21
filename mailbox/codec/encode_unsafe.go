package codec

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"time"
	"unsafe"
)

// Append appends the encoding of the value that v, a pointer, points to. It adds the
// things that the value hands over to out, which may be nil for types that do not Lend.
// If it fails, the bytes after len(dst) have no meaning.
func Append(t *Type, dst []byte, v any, out *Lent) ([]byte, error) {
	p := t.pointer(v)
	if t.flat {
		return append(dst, unsafe.Slice((*byte)(p), t.plan.size)...), nil
	}
	if len(dst)+t.plan.first > cap(dst) {
		dst = slices.Grow(dst, t.plan.first)
	}
	o, _, n, _ := run(t.plan.start, hide(p), unsafe.Pointer(unsafe.SliceData(dst)), len(dst), cap(dst), 1)
	if o.kind == opEnd {
		runtime.KeepAlive(v)
		return dst[:n], nil
	}
	dst, err := t.goOn(o, dst[:n], hide(p), (*Lent)(hide(unsafe.Pointer(out))))
	runtime.KeepAlive(v)
	runtime.KeepAlive(out)
	return dst, err
}

// goOn continues Append at the operation o, which run has not done.
func (t *Type) goOn(o *op, dst []byte, p unsafe.Pointer, out *Lent) ([]byte, error) {
	s := sink{room: dst[:cap(dst)], n: len(dst), out: out}
	err := s.put(o, p, 1, 0)
	if err != nil {
		err = t.blame(err)
	}
	return s.room[:s.n], err
}

// pointer returns the address in v, which must be a pointer to a value of the type; it
// panics otherwise. The functions of this package take values in this way, and not as
// type parameters, so that they are compiled once and inlined into each other.
func (t *Type) pointer(v any) unsafe.Pointer {
	f := (*face)(unsafe.Pointer(&v))
	if f.typ != t.key {
		t.checkPointer(v)
	}
	return f.data
}

// checkPointer is separate so that pointer can be inlined.
func (t *Type) checkPointer(v any) {
	if got := reflect.TypeOf(v); got == nil || got.Kind() != reflect.Pointer || got.Elem() != t.rtype {
		panic("codec: " + fmt.Sprint(got) + " with the codec.Type of " + t.name + ": a pointer to one is expected")
	}
}

// Bytes returns the memory of the flat value that v, a pointer, points to, which is its
// encoding. The slice is valid as long as the value is.
func Bytes(t *Type, v any) []byte {
	if !t.flat {
		panic("codec: Bytes of a type that is not flat")
	}
	return unsafe.Slice((*byte)(t.pointer(v)), t.plan.size)
}

// Memory is Bytes without any check: t must be what Known has returned for v, and values
// of t must be Plain.
func (t *Type) Memory(v any) []byte {
	return (*[maxRoom]byte)((*face)(unsafe.Pointer(&v)).data)[:t.room:t.room]
}

// Put copies src to dst[at:], which must have room for it. Unlike copy, it is inlined and
// copies 16 bytes at a time if src has 16 to 256.
func Put(dst []byte, at int, src []byte) {
	n := len(src)
	if uint(n-16) > 256-16 || at+n > len(dst) {
		copy(dst[at:], src)
		return
	}
	to, from := unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst)), at), unsafe.Pointer(unsafe.SliceData(src))
	for ; n > 16; n -= 16 {
		*(*[16]byte)(to) = *(*[16]byte)(from)
		to, from = unsafe.Add(to, 16), unsafe.Add(from, 16)
	}
	*(*[16]byte)(unsafe.Add(to, n-16)) = *(*[16]byte)(unsafe.Add(from, n-16))
}

// Copy returns a pointer to a new value, a shallow copy of the one that v, a pointer,
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

// blame adds the type's name to an error.
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

// enter fails if a value nests too deep or is too large, as one that contains itself does.
func enter(depth, bytes int) error {
	if depth >= MaxDepth {
		return &LimitError{What: "values nest too deep", Limit: MaxDepth, Hint: "does the value contain itself? send long lists as slices"}
	}
	if bytes > MaxBytes {
		return &LimitError{What: "the encoding has too many bytes", Limit: MaxBytes, Hint: "does the value contain the same pointer many times? send it in parts"}
	}
	return nil
}

// sink is the destination of an encoding.
type sink struct {
	room []byte // all of it may be written
	n    int    // how many bytes of it are written
	out  *Lent
}

// grow makes room for more bytes.
func (s *sink) grow(more int) error {
	if s.n > MaxBytes {
		return enter(0, s.n)
	}
	room := slices.Grow(s.room[:s.n], more)
	s.room = room[:cap(room)]
	return nil
}

// ensure makes room for more bytes, unless there is enough.
func (s *sink) ensure(more int) error {
	if len(s.room)-s.n >= more {
		return nil
	}
	return s.grow(more)
}

// put writes count consecutive values from p on.
func (pl *plan) put(s *sink, p unsafe.Pointer, count, depth int) error {
	if err := s.ensure(pl.first); err != nil {
		return err
	}
	return s.put(pl.start, p, count, depth)
}

// put continues at the operation o of the first of count values, at p. Operations that run
// does not do are done by op.put.
func (s *sink) put(o *op, p unsafe.Pointer, count, depth int) error {
	for {
		o, p, s.n, count = run(o, p, unsafe.Pointer(unsafe.SliceData(s.room)), s.n, len(s.room), count)
		if o.kind != opEnd {
			if err := o.put(s, unsafe.Add(p, o.off), depth); err != nil {
				return err
			}
			o = o.next()
			continue
		}
		if count == 0 {
			return nil
		}
		if err := s.ensure(o.then); err != nil {
			return err
		}
		o = o.sub.start
	}
}

// put does an operation that run does not do. It then ensures room for the copies that
// follow.
func (o *op) put(s *sink, f unsafe.Pointer, depth int) error {
	var err error
	switch o.kind {
	case opCopy, opBools: // there is room already for it and the copies that follow
		s.n += copy(s.room[s.n:], unsafe.Slice((*byte)(f), o.size))
		return nil
	case opString:
		err = s.putString(*(*string)(f))
	case opFlatSlice:
		v := *(*slice)(f)
		if err = s.ensure(lengthSize(v.mark()) + v.len*int(o.size)); err == nil {
			s.length(v.mark())
			s.n += s.copy(v.bytes(o.size))
		}
	case opEmpties:
		v := *(*slice)(f)
		if v.len > MaxEmpty {
			return tooManyEmpty()
		}
		err = s.putLength(v.mark())
	case opSlice:
		v := *(*slice)(f)
		if err = s.putLength(v.mark()); err == nil {
			err = o.sub.putAll(s, v.data, v.len, depth+1)
		}
	case opPlainSlice:
		v := *(*slice)(f)
		if err = s.putLength(v.mark()); err == nil && v.len > 0 {
			err = o.sub.put(s, v.data, v.len, depth)
		}
	case opArray:
		err = o.sub.putAll(s, f, o.aux.n, depth+1)
	case opPointer:
		err = o.putPointer(s, *(*unsafe.Pointer)(f), depth+1)
	case opMap:
		err = o.aux.maps.put(s, o.aux.word, *(*unsafe.Pointer)(f), depth+1)
	default:
		s.room, err = o.append(s.room[:s.n], f, s.out)
		s.n, s.room = len(s.room), s.room[:cap(s.room)]
	}
	if err != nil {
		return err
	}
	return s.ensure(o.then)
}

// putAll is plan.put for values that another value refers to.
func (pl *plan) putAll(s *sink, p unsafe.Pointer, count, depth int) error {
	if count == 0 {
		return nil
	}
	if err := enter(depth, s.n); err != nil {
		return err
	}
	return pl.put(s, p, count, depth)
}

func (o *op) putPointer(s *sink, to unsafe.Pointer, depth int) error {
	if err := s.ensure(1); err != nil {
		return err
	}
	s.room[s.n] = 0
	if to != nil {
		s.room[s.n] = 1
	}
	s.n++
	if to == nil {
		return nil
	}
	return o.sub.putAll(s, to, 1, depth)
}

// large is the number of bytes from which on Lent.Copy copies a slice or string.
const large = 4096

// copy copies b, for which there must be room, and returns the number of bytes.
func (s *sink) copy(b []byte) int {
	if len(b) < large || s.out == nil || s.out.Copy == nil {
		return copy(s.room[s.n:], b)
	}
	return s.out.Copy(s.room[s.n:], b)
}

// length writes a length, for which there must be room.
func (s *sink) length(n uint64) { s.n = len(appendLength(s.room[:s.n], n)) }

func (s *sink) putLength(n uint64) error {
	if err := s.ensure(lengthSize(n)); err != nil {
		return err
	}
	s.length(n)
	return nil
}

func (s *sink) putString(text string) error {
	if err := s.ensure(lengthSize(uint64(len(text))) + len(text)); err != nil {
		return err
	}
	s.length(uint64(len(text)))
	s.n += s.copy(unsafe.Slice(unsafe.StringData(text), len(text)))
	return nil
}

// append does the operations in which code of other packages writes.
func (o *op) append(dst []byte, f unsafe.Pointer, out *Lent) ([]byte, error) {
	switch o.kind {
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

func tooManyEmpty() error {
	return &LimitError{What: "slice of too many elements without size", Limit: MaxEmpty, Hint: "send their number"}
}

// span is the memory of a string, and the beginning of that of a slice.
type span struct {
	data unsafe.Pointer
	len  int
}

// slice is the memory of a slice.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

// mark returns the length in the encoding: 0 for nil, otherwise one more than len.
func (s *slice) mark() uint64 {
	if s.data == nil {
		return 0
	}
	return uint64(s.len) + 1
}

// bytes returns the memory of the elements.
func (s *slice) bytes(size uintptr) []byte {
	n := s.len * int(size)
	return *(*[]byte)(unsafe.Pointer(&slice{s.data, n, n}))
}
