package codec

import (
	"reflect"
	"unsafe"
)

// plan says how values of one type are turned into bytes and back: by operations on the
// memory of the value, in the order of the bytes. Structs are flattened into their
// fields.
type plan struct {
	rtype reflect.Type
	size  uintptr // in memory, bytes
	ops   []op    // all of them, and opEnd
	dyn   []op    // the ops whose number of bytes depends on the value, and opEnd
	start *op     // the first of ops

	dynStart *op // the first of dyn

	first int        // bytes of the copies before the first other operation
	fixed int        // encoded bytes of all operations that are not in dyn
	min   int        // fewest encoded bytes of a value
	flat  bool       // the value's memory is its encoding
	lends bool       // it has an opLend
	bools []boolRun  // of a flat type: bytes that must be 0 or 1
	words []boolWord // of bools
}

// op is one operation on the field at off.
type op struct {
	kind opKind
	plus uint8   // added to a length in the encoding: 1 for slices, for which 0 means nil
	off  uintptr // in the value's memory, bytes
	size uintptr // memory of the copy, or of one element, bytes
	sub  *plan   // of the elements, or of what a pointer points to
	aux  *aux    // nil for most operations
	then int     // bytes of the copies between this operation and the next one that is no copy
}

// aux holds what only a few operations need.
type aux struct {
	rtype    reflect.Type   // of the field
	word     unsafe.Pointer // type word of an interface: the map's, or that of a pointer to the field
	bools    []boolRun      // of a copy or of one element
	words    []boolWord     // of bools
	n        int            // elements of an array
	appender bool           // of a marshaler: it has AppendBinary
	strings  bool           // a slice of strings
	view     bool           // a View
	maps     *mapper
}

type opKind uint8

const (
	opEnd        opKind = iota // end of the value; size is that of the value, then is the plan's first
	opCopy                     // flat memory
	opCopy1                    // flat memory of 1, 2, 4, 8 bytes
	opCopy2                    //
	opCopy4                    //
	opCopy8                    //
	opBool                     // a bool
	opBools                    // flat memory with bools in it
	opString                   //
	opFlatSlice                // slice of flat elements
	opEmpties                  // slice of elements without size
	opSlice                    // slice of others
	opPlainSlice               // slice of elements that have copies, strings and flat slices only
	opArray                    // array of elements that are not flat
	opPointer                  //
	opMap                      //
	opTime                     // time.Time
	opMarshal                  // the type's own methods
	opLend                     // handed over beside the message
)

// builder makes the plans of one message type. The plan of a type behind a reference is
// filled later, so that types may contain themselves.
type builder struct {
	root    string // name of the message's type
	plans   map[reflect.Type]*plan
	pending []job
	errs    []error
	custom  bool
	lends   bool
	views   bool
}

type job struct {
	plan *plan
	path string
}

func (b *builder) build(t reflect.Type) *plan {
	root := b.later(t, "")
	for len(b.pending) > 0 {
		j := b.pending[0]
		b.pending = b.pending[1:]
		b.add(j.plan, j.plan.rtype, 0, j.path)
		j.plan.finish()
	}
	for _, p := range b.plans {
		plainSlices(p.ops)
		plainSlices(p.dyn)
	}
	return root
}

// plainSlices marks the slices among ops whose elements are plain. They do not add to the
// depth of a value.
func plainSlices(ops []op) {
	for i := range ops {
		if o := &ops[i]; o.kind == opSlice && o.sub.plain() {
			o.kind = opPlainSlice
		}
	}
}

// plain reports whether values have only copies, strings and flat slices.
func (p *plan) plain() bool {
	for i := range p.dyn {
		if k := p.dyn[i].kind; k != opString && k != opFlatSlice && k != opEnd {
			return false
		}
	}
	return !p.lends
}

// later returns the plan of t, which is filled before build returns.
func (b *builder) later(t reflect.Type, path string) *plan {
	p := b.plans[t]
	if p == nil {
		p = &plan{rtype: t, size: t.Size(), flat: isFlat(t), min: smallest(t)}
		b.plans[t] = p
		b.pending = append(b.pending, job{p, path})
	}
	return p
}

// add appends the operations of a value of type t at off.
func (b *builder) add(p *plan, t reflect.Type, off uintptr, path string) {
	if isFlat(t) {
		p.copy(off, t.Size(), boolsOf(t, 0, nil))
		return
	}
	switch treat(t) {
	case asTime:
		p.ops = append(p.ops, op{kind: opTime, off: off})
	case asMarshaler:
		b.custom = true
		a := &aux{rtype: t, appender: declares(t, appenderType)}
		p.ops = append(p.ops, op{kind: opMarshal, off: off, aux: a})
	case asLent:
		b.lends = true
		a := &aux{rtype: t, word: typeWord(reflect.PointerTo(t))}
		p.ops = append(p.ops, op{kind: opLend, off: off, aux: a})
	default:
		b.addKind(p, t, off, path)
	}
}

func (b *builder) addKind(p *plan, t reflect.Type, off uintptr, path string) {
	if why := refusal(t); why != "" {
		b.errs = append(b.errs, &UnsupportedError{Type: b.root, Path: path, Reason: why})
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		for f := range t.Fields() {
			b.add(p, f.Type, off+f.Offset, joinPath(path, f.Name))
		}
	case reflect.String:
		p.ops = append(p.ops, op{kind: opString, off: off, size: 1})
	case reflect.Pointer:
		p.ops = append(p.ops, op{kind: opPointer, off: off, sub: b.later(t.Elem(), path)})
	case reflect.Map:
		key, elem := b.later(t.Key(), path+"[key]"), b.later(t.Elem(), path+"[value]")
		a := &aux{rtype: t, word: typeWord(t), maps: newMapper(t, key, elem)}
		p.ops = append(p.ops, op{kind: opMap, off: off, sub: elem, aux: a})
	case reflect.Array:
		a := &aux{rtype: t, n: t.Len()}
		p.ops = append(p.ops, op{kind: opArray, off: off, size: t.Elem().Size(), sub: b.later(t.Elem(), path+"[]"), aux: a})
	case reflect.Slice:
		b.addSlice(p, t, off, path)
	}
}

func (b *builder) addSlice(p *plan, t reflect.Type, off uintptr, path string) {
	e := t.Elem()
	o := op{kind: opSlice, plus: 1, off: off, size: e.Size(), aux: &aux{rtype: t}}
	switch {
	case e.Size() == 0:
		o.kind = opEmpties
	case isFlat(e):
		o.kind = opFlatSlice
		o.aux.view = t == viewType
		b.views = b.views || o.aux.view
		o.aux.bools = boolsOf(e, 0, nil)
		o.aux.words = boolWords(o.aux.bools, e.Size())
	default:
		o.sub = b.later(e, path+"[]")
		o.aux.strings = e.Kind() == reflect.String && treat(e) == asStructure
	}
	p.ops = append(p.ops, o)
}

// copy appends a copy of flat memory, merged with the previous copy if it is adjacent.
func (p *plan) copy(off, size uintptr, bools []boolRun) {
	if size == 0 {
		return
	}
	if n := len(p.ops); n > 0 && p.ops[n-1].kind == opCopy && p.ops[n-1].off+p.ops[n-1].size == off {
		last := &p.ops[n-1]
		last.aux.bools = append(last.aux.bools, shift(bools, last.size)...)
		last.size += size
		return
	}
	p.ops = append(p.ops, op{kind: opCopy, off: off, size: size, aux: &aux{bools: bools}})
}

// finish chooses the fast forms of copies, and adds up the sizes.
func (p *plan) finish() {
	if p.flat {
		p.bools = boolsOf(p.rtype, 0, nil)
		p.words = boolWords(p.bools, p.size)
	}
	then := &p.first
	for i := range p.ops {
		o := &p.ops[i]
		if o.kind == opCopy {
			p.fixed += int(o.size)
			*then += int(o.size)
			o.kind, o.aux.words = copyKind(o), boolWords(o.aux.bools, o.size)
			continue
		}
		then = &o.then
		if o.kind == opLend {
			p.fixed += lendBytes
			p.lends = true
			continue
		}
		p.dyn = append(p.dyn, *o)
	}
	end := op{kind: opEnd, size: p.size, sub: p, then: p.first}
	p.ops, p.dyn = append(p.ops, end), append(p.dyn, end)
	p.start, p.dynStart = &p.ops[0], &p.dyn[0]
}

func copyKind(o *op) opKind {
	switch n, bools := o.size, len(o.aux.bools) > 0; {
	case bools && n == 1:
		return opBool
	case bools:
		return opBools
	case n == 1:
		return opCopy1
	case n == 2:
		return opCopy2
	case n == 4:
		return opCopy4
	case n == 8:
		return opCopy8
	}
	return opCopy
}

// constant reports whether all values take the same number of bytes.
func (p *plan) constant() bool { return len(p.dyn) == 1 }

// next returns the operation after o, which must not be opEnd.
func (o *op) next() *op { return (*op)(unsafe.Add(unsafe.Pointer(o), unsafe.Sizeof(op{}))) }

// typeWord returns the first word of an interface value that holds a t.
func typeWord(t reflect.Type) unsafe.Pointer {
	v := reflect.Zero(t).Interface()
	return (*face)(unsafe.Pointer(&v)).typ
}

// face is the memory of an interface value without methods.
type face struct{ typ, data unsafe.Pointer }

// faceOf returns an interface value of a type whose values are one pointer.
func faceOf(word, p unsafe.Pointer) (v any) {
	*(*face)(unsafe.Pointer(&v)) = face{word, p}
	return v
}

// hide returns p in a way that escape analysis does not follow. What p points to may be on
// the stack, so the result must not be kept. As p is a number for the compiler meanwhile,
// which is not updated when the stack moves, the result must be passed to a call at once.
func hide(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}
