package codec

import (
	"reflect"
	"sync"
	"unsafe"
)

// mapper reads and fills maps of one type, with reflection. Entries come in
// the order in which the runtime gives them.
type mapper struct {
	rtype     reflect.Type
	key, elem *plan
	scratch   sync.Pool // *mapScratch
}

// mapScratch is the memory for one entry, and an iterator.
type mapScratch struct {
	iter      reflect.MapIter
	key, elem reflect.Value
}

func newMapper(t reflect.Type, key, elem *plan) *mapper {
	m := &mapper{rtype: t, key: key, elem: elem}
	m.scratch.New = func() any {
		return &mapScratch{key: reflect.New(t.Key()).Elem(), elem: reflect.New(t.Elem()).Elem()}
	}
	return m
}

func (m *mapper) take() *mapScratch { return m.scratch.Get().(*mapScratch) }

func (m *mapper) give(s *mapScratch) {
	s.iter.Reset(reflect.Value{})
	s.key.SetZero()
	s.elem.SetZero()
	m.scratch.Put(s)
}

func (s *mapScratch) load() (key, elem unsafe.Pointer) {
	s.key.SetIterKey(&s.iter)
	s.elem.SetIterValue(&s.iter)
	return s.at()
}

func (s *mapScratch) at() (key, elem unsafe.Pointer) {
	return s.key.Addr().UnsafePointer(), s.elem.Addr().UnsafePointer()
}

func (m *mapper) measure(word, p unsafe.Pointer, depth, total int) (int, error) {
	if p == nil {
		return 1, nil
	}
	v := reflect.ValueOf(faceOf(word, p))
	n := v.Len()
	sum := lengthSize(uint64(n) + 1)
	if n == 0 {
		return sum, nil
	}
	if m.key.constant() && m.elem.constant() {
		return sum + n*(m.key.fixed+m.elem.fixed), enter(depth, total)
	}
	s := m.take()
	defer m.give(s)
	s.iter.Reset(v)
	for s.iter.Next() {
		key, elem := s.load()
		k, err := m.key.measureAll(key, 1, depth, total+sum)
		if err != nil {
			return 0, err
		}
		e, err := m.elem.measureAll(elem, 1, depth, total+sum)
		if err != nil {
			return 0, err
		}
		sum += k + e
	}
	return sum, nil
}

func (m *mapper) encode(dst []byte, word, p unsafe.Pointer, out *Lent, depth int) ([]byte, error) {
	if p == nil {
		return appendLength(dst, 0), nil
	}
	v := reflect.ValueOf(faceOf(word, p))
	dst = appendLength(dst, uint64(v.Len())+1)
	s := m.take()
	defer m.give(s)
	s.iter.Reset(v)
	for s.iter.Next() {
		key, elem := s.load()
		var err error
		if dst, err = m.key.encodeAll(dst, key, 1, out, depth); err != nil {
			return dst, err
		}
		if dst, err = m.elem.encodeAll(dst, elem, 1, out, depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// decode makes a map in f. A key that comes twice is an error: no encoder
// writes that.
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

// maxMapHint bounds the memory that is set aside for a map before its first
// entry has been seen; beyond it, maps grow.
const maxMapHint = 1 << 10
