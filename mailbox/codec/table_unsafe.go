package codec

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Of returns the Type of T. The first call for a T builds it; all others cost
// a few nanoseconds and do not allocate. It fails with *UnsupportedErrors.
func Of[T any]() (*Type, error) { return OfPointer((*T)(nil)) }

// OfPointer returns the Type of what p points to, as Of does. p is a pointer,
// which may be nil.
func OfPointer(p any) (*Type, error) {
	key := hide((*face)(unsafe.Pointer(&p)).typ)
	if t := lookup(key); t != nil {
		return t, nil
	}
	return remember(key, reflect.TypeOf(faceOf(key, nil)).Elem())
}

// Known is OfPointer of a type that was looked up before, or nil. It is inlined.
func Known(p any) *Type { return lookup((*face)(unsafe.Pointer(&p)).typ) }

// NameOf is the name of the type with that identity, if this process has looked it
// up, and "" otherwise. It is for reports, and no faster than they need it.
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

// table is an open-addressed hash table from type words to types, at most a
// quarter full. It is never changed: a new type makes a new table.
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
	mu     sync.Mutex // guards the writing of known, and what follows
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

// home is the first slot to look for key in. Types are aligned, so that the
// low bits of their addresses say nothing; the multiplication uses all others.
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

// remember builds the type and enters it. One Go type may have several keys:
// in a program with plugins its description may exist more than once.
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
