package codec

import (
	"errors"
	"reflect"
	"unsafe"
)

// Type is what both sides of a message must agree on: a name, a structure, and how
// values are encoded. It is immutable, and there is one for each Go type.
type Type struct {
	key    unsafe.Pointer // type word of an interface that holds a pointer to the type
	rtype  reflect.Type
	name   string
	text   string // of Describe
	id     ID
	plan   *plan
	room   int // size of a plain value in bytes; noRoom for other types
	flat   bool
	custom bool
	lends  bool
	views  bool
	keyed  bool // values are Keyed, by a method of the value
	urgent bool // values are Urgent
	plain  bool // flat, and not urgent
	beside beside
}

// ID identifies a type: the hash of its name in the high half, the hash of its
// structure in the low half. It is never zero.
type ID uint64

// Name returns the hash of the type's name.
func (id ID) Name() uint32 { return uint32(id >> 32) }

// Structure returns the hash of the type's structure.
func (id ID) Structure() uint32 { return uint32(id) }

// Name returns the type's full name, pkgpath.Name, or its literal.
func (t *Type) Name() string { return t.name }

// ID returns the type's identity.
func (t *Type) ID() ID { return t.id }

// Flat reports whether values contain no pointers and are copied as they are.
func (t *Type) Flat() bool { return t.flat }

// Plain reports whether values are Flat and not Urgent.
func (t *Type) Plain() bool { return t.plain }

// Size returns the size in bytes of a flat value; 0 for other types.
func (t *Type) Size() int {
	if !t.flat {
		return 0
	}
	return int(t.plan.size)
}

// InPlace reports whether any Size bytes are a valid value without pointers, which can
// be read in place without a check.
func (t *Type) InPlace() bool { return t.flat && t.plan.bools == nil }

// Room returns the size in bytes of a Plain value; for other types, a number over every
// limit.
func (t *Type) Room() int { return t.room }

// The bounds of Type.room.
const (
	maxRoom = 1 << 30
	noRoom  = maxRoom + 1
)

// Custom reports whether encoding or decoding runs code of the program: a marshaler. The
// size of such a value is known only after Append.
func (t *Type) Custom() bool { return t.custom }

// Lends reports whether values may hand things over beside the message: then Append and
// Decode need a Lent.
func (t *Type) Lends() bool { return t.lends }

// Describe returns the structure of the type on one line, in a canonical form from which
// the structure's hash is computed.
func (t *Type) Describe() string { return t.text }

// String returns Name.
func (t *Type) String() string { return t.name }

func newType(rt reflect.Type) (*Type, error) {
	t := &Type{key: typeWord(reflect.PointerTo(rt)), rtype: rt, name: typeName(rt)}
	b := &builder{root: t.name, plans: map[reflect.Type]*plan{}}
	t.plan = b.build(rt)
	if len(b.errs) == 1 {
		return nil, b.errs[0]
	}
	if len(b.errs) > 1 {
		return nil, errors.Join(b.errs...)
	}
	t.flat, t.custom, t.lends, t.views = t.plan.flat, b.custom, b.lends, b.views
	t.keyed = t.rtype.Kind() != reflect.Interface && t.rtype.Implements(reflect.TypeFor[Keyed]())
	t.urgent = t.rtype.Kind() != reflect.Interface && t.rtype.Implements(reflect.TypeFor[Urgent]())
	t.plain = t.flat && !t.urgent
	if t.room = noRoom; t.plain && t.plan.size <= maxRoom {
		t.room = int(t.plan.size)
	}
	if !t.custom && !t.urgent {
		t.beside = besideOf(t.plan)
	}
	t.text = describe(rt)
	t.id = ID(uint64(hash(t.name))<<32 | uint64(hash(t.text)))
	return t, nil
}
