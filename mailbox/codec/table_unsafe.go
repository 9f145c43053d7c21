package codec

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Of returns the Type of T. The first call for a T builds it; further calls take a few
// nanoseconds and do not allocate. It fails with an *UnsupportedError, or several joined.
func Of[T any]() (*Type, error) { return OfPointer((*T)(nil)) }

// OfPointer is Of for the type that p, a pointer, points to. p may be a nil pointer.
func OfPointer(p any) (*Type, error) {
	key := hide((*face)(unsafe.Pointer(&p)).typ)
	if t := lookup(key); t != nil {
		return t, nil
	}
	return remember(key, reflect.TypeOf(faceOf(key, nil)).Elem())
}

// Known is OfPointer for a type that was looked up before; for any other it returns nil.
// It is inlined.
func Known(p any) *Type { return lookup((*face)(unsafe.Pointer(&p)).typ) }

// NameOf returns the name of the type with that identity if this process has looked the
// type up, and "" otherwise. It is for reports, and slow.
func NameOf(id ID) string {
	mu.Lock()
	defer mu.Unlock()
	for _, t := range types {
		if t.ID() == id {
			return t.Name()
		}
	}
	return ""
}

// table is an open-addressing hash table from type words to types, at most a quarter
// full. It never changes: a new type makes a new table.
type table struct {
	shift uint // 64 - log2(len(slots))
	slots []slot
}

type slot struct {
	key unsafe.Pointer
	t   *Type
}

var (
	known  atomic.Pointer[table]
	mu     sync.Mutex // guards the replacement of known, and what follows
	keys   = map[unsafe.Pointer]*Type{}
	types  = map[reflect.Type]*Type{}
	failed = map[reflect.Type]error{}
)

func init() { known.Store(newTable(0)) }

func newTable(n int) *table {
	tab := &table{shift: 64 - 6}
	for 1<<(64-tab.shift) < 4*n {
		tab.shift--
	}
	tab.slots = make([]slot, 1<<(64-tab.shift))
	return tab
}

// home returns the first slot in which to look for key. Types are aligned, so the low
// bits of their addresses carry no information; the multiplication uses all others.
func (tab *table) home(key unsafe.Pointer) uint64 {
	return uint64(uintptr(key)) * 0x9e3779b97f4a7c15 >> (tab.shift & 63)
}

func lookup(key unsafe.Pointer) *Type {
	tab := known.Load()
	mask := uint64(len(tab.slots) - 1)
	for i := tab.home(key); ; i++ {
		if s := &tab.slots[i&mask]; s.key == key || s.key == nil {
			return s.t
		}
	}
}

func (tab *table) put(key unsafe.Pointer, t *Type) {
	mask := uint64(len(tab.slots) - 1)
	i := tab.home(key)
	for tab.slots[i&mask].key != nil {
		i++
	}
	tab.slots[i&mask] = slot{key, t}
}

// remember builds the type and enters it into the table. One Go type may have several
// keys: in a program with plugins its description may exist more than once.
func remember(key unsafe.Pointer, rt reflect.Type) (*Type, error) {
	mu.Lock()
	defer mu.Unlock()
	if err := failed[rt]; err != nil {
		return nil, err
	}
	t := types[rt]
	if t == nil {
		var err error
		if t, err = newType(rt); err != nil {
			failed[rt] = err
			return nil, err
		}
		types[rt] = t
	}
	if keys[key] == nil {
		keys[key] = t
		tab := newTable(len(keys))
		for k, t := range keys {
			tab.put(k, t)
		}
		known.Store(tab)
	}
	return t, nil
}
