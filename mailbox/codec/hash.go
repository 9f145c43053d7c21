package codec

import (
	"reflect"
	"strconv"
	"strings"
)

// hash returns HashKey folded to 32 bits, never zero. It must not change, since messages
// contain it.
func hash(s string) uint32 {
	h := HashKey(s)
	return max(uint32(h>>32)^uint32(h), 1)
}

// typeName returns the name that both sides use for t: with the full path of its
// package, of which reflect's name has only the last element.
func typeName(t reflect.Type) string {
	if t == viewType {
		t = bytesType
	}
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name()
		}
		return t.PkgPath() + "." + t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + typeName(t.Elem())
	case reflect.Slice:
		return "[]" + typeName(t.Elem())
	case reflect.Array:
		return "[" + strconv.Itoa(t.Len()) + "]" + typeName(t.Elem())
	case reflect.Map:
		return "map[" + typeName(t.Key()) + "]" + typeName(t.Elem())
	case reflect.Struct:
		var b strings.Builder
		b.WriteString("struct{")
		for i := range t.NumField() {
			if i > 0 {
				b.WriteString("; ")
			}
			b.WriteString(t.Field(i).Name + " " + typeName(t.Field(i).Type))
		}
		return b.String() + "}"
	}
	return t.String()
}

// describe returns the structure of t on one line. A named type is written out where it
// first occurs, and only by its name after that, so that the description of a type that
// contains itself ends.
func describe(t reflect.Type) string {
	d := describer{seen: map[reflect.Type]bool{}}
	d.write(t)
	return d.String()
}

type describer struct {
	strings.Builder
	seen map[reflect.Type]bool
}

func (d *describer) write(t reflect.Type) {
	if t == viewType {
		t = bytesType
	}
	name := typeName(t)
	if t.Name() != "" {
		d.WriteString(name)
		if d.seen[t] {
			return
		}
		d.seen[t] = true
	}
	how := treat(t)
	switch {
	case how == asNothing && t.Name() == "":
		d.WriteString(name)
	case how == asLent:
		d.WriteString("(lent)")
	case how == asMarshaler || how == asTime:
		d.WriteString("(binary)")
	case how == asStructure:
		d.structure(t)
	}
}

// structure writes the composition of t. For a predeclared kind that is its name, and its
// size if the name does not tell it.
func (d *describer) structure(t reflect.Type) {
	switch k := t.Kind(); k {
	case reflect.Pointer:
		d.WriteString("*")
		d.write(t.Elem())
	case reflect.Slice:
		d.WriteString("[]")
		d.write(t.Elem())
	case reflect.Array:
		d.WriteString("[" + strconv.Itoa(t.Len()) + "]")
		d.write(t.Elem())
	case reflect.Map:
		d.WriteString("map[")
		d.write(t.Key())
		d.WriteString("]")
		d.write(t.Elem())
	case reflect.Struct:
		d.WriteString("{")
		for i := range t.NumField() {
			if i > 0 {
				d.WriteString("; ")
			}
			d.WriteString(t.Field(i).Name + " ")
			d.write(t.Field(i).Type)
		}
		d.WriteString("}")
	default:
		if t.PkgPath() != "" {
			d.WriteString("=" + k.String())
		}
		if k == reflect.Int || k == reflect.Uint {
			d.WriteString(":" + strconv.Itoa(t.Bits()))
		}
	}
}
