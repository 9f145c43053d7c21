package codec

import (
	"reflect"
	"sync"
	"unsafe"
)

// mapper reads and fills maps of one type by reflection. Entries come in the order in
// which the runtime iterates.
type mapper struct {
	rtype     reflect.Type
	key, elem *plan
	scratch   sync.Pool // *mapScratch
}

// mapScratch is the memory for one entry.
type mapScratch struct{ key, elem reflect.Value }

func newMapper(t reflect.Type, key, elem *plan) *mapper {
	m := &mapper{rtype: t, key: key, elem: elem}
	m.scratch.New = func() any {
		return &mapScratch{key: reflect.New(t.Key()).Elem(), elem: reflect.New(t.Elem()).Elem()}
	}
	return m
}

func (m *mapper) take() *mapScratch { return m.scratch.Get().(*mapScratch) }

func (m *mapper) give(s *mapScratch) {
	s.clear()
	m.scratch.Put(s)
}

func (s *mapScratch) clear() {
	s.key.SetZero()
	s.elem.SetZero()
}

func (s *mapScratch) at() (key, elem unsafe.Pointer) {
	return s.key.Addr().UnsafePointer(), s.elem.Addr().UnsafePointer()
}

// The offsets at which a reflect.MapIter keeps its pointers to key and element, as
// reflection tells them. If a later version of Go has no such fields, entries are copied.
var iterKey, iterElem, iterKnown = func() (key, elem uintptr, known bool) {
	field := func(t reflect.Type, name string) (reflect.StructField, bool) {
		if t.Kind() != reflect.Struct {
			return reflect.StructField{}, false
		}
		return t.FieldByName(name)
	}
	in, ok := field(reflect.TypeFor[reflect.MapIter](), "hiter")
	if !ok {
		return 0, 0, false
	}
	k, hasKey := field(in.Type, "key")
	e, hasElem := field(in.Type, "elem")
	pointers := hasKey && hasElem && k.Type == reflect.TypeFor[unsafe.Pointer]() && e.Type == k.Type
	return in.Offset + k.Offset, in.Offset + e.Offset, pointers
}()

// walk is an iteration over a map: for w.next() { w.key, w.elem }.
type walk struct {
	key, elem unsafe.Pointer // valid until the next call
	iter      reflect.MapIter
	m         *mapper
	copied    *mapScratch // copies of the entries, if the iterator's pointers are not known
}

func (w *walk) start(m *mapper, v reflect.Value) {
	w.iter.Reset(v)
	if w.m = m; !iterKnown {
		w.copied = m.take()
	}
}

func (w *walk) next() bool {
	if !w.iter.Next() {
		if w.copied != nil {
			w.m.give(w.copied)
		}
		return false
	}
	if c := w.copied; c != nil {
		c.key.SetIterKey(&w.iter)
		c.elem.SetIterValue(&w.iter)
		w.key, w.elem = c.at()
		return true
	}
	w.key = *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(&w.iter), iterKey))
	w.elem = *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(&w.iter), iterElem))
	return true
}

func (m *mapper) measure(word, p unsafe.Pointer, depth, total int) (int, error) {
	if p == nil {
		return total + 1, nil
	}
	v := reflect.ValueOf(faceOf(word, p))
	n := v.Len()
	total += lengthSize(uint64(n) + 1)
	if n == 0 {
		return total, nil
	}
	if err := enter(depth, total); err != nil {
		return 0, err
	}
	total += n * (m.key.fixed + m.elem.fixed)
	if m.key.constant() && m.elem.constant() {
		return total, nil
	}
	var w walk
	w.start(m, v)
	for w.next() {
		var err error
		if total, err = m.key.measure(w.key, 1, depth, total); err != nil {
			return 0, err
		}
		if total, err = m.elem.measure(w.elem, 1, depth, total); err != nil {
			return 0, err
		}
	}
	return total, nil
}

func (m *mapper) put(s *sink, word, p unsafe.Pointer, depth int) error {
	if p == nil {
		return s.putLength(0)
	}
	v := reflect.ValueOf(faceOf(word, p))
	if err := s.putLength(uint64(v.Len()) + 1); err != nil || v.Len() == 0 {
		return err
	}
	if err := enter(depth, s.n); err != nil {
		return err
	}
	var w walk
	w.start(m, v)
	for w.next() {
		if err := m.key.put(s, w.key, 1, depth); err != nil {
			return err
		}
		if err := m.elem.put(s, w.elem, 1, depth); err != nil {
			return err
		}
	}
	return nil
}

// decode makes a map in f. A key that occurs twice is an error: no encoder writes that.
func (m *mapper) decode(src []byte, f unsafe.Pointer, in *Lent, depth int) ([]byte, error) {
	*(*unsafe.Pointer)(f) = nil
	n, null, rest, err := takeCount(src, m.key.min+m.elem.min)
	if err != nil || null {
		return rest, err
	}
	v := reflect.MakeMapWithSize(m.rtype, min(n, maxMapHint))
	s := m.take()
	defer m.give(s)
	for i := range n {
		s.key.SetZero()
		s.elem.SetZero()
		key, elem := s.at()
		if rest, err = m.key.decodeAll(rest, key, 1, in, depth); err != nil {
			return rest, err
		}
		if rest, err = m.elem.decodeAll(rest, elem, 1, in, depth); err != nil {
			return rest, err
		}
		v.SetMapIndex(s.key, s.elem)
		if v.Len() != i+1 {
			return rest, corrupt("the number of entries with one key", 2, 1)
		}
	}
	*(*unsafe.Pointer)(f) = v.UnsafePointer()
	return rest, nil
}

// maxMapHint bounds the memory that is allocated for a map before its first entry has
// been decoded; larger maps grow.
const maxMapHint = 1 << 10
