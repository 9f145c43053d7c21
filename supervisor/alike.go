package supervisor

import (
	"reflect"
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// alike is spec without its name, kept once for all children of a definition that
// were given the same: a program may have very many of these. Who has it does not
// change it.
func (s *Supervisor) alike(definition string, spec Child) *Child {
	spec.Name = ""
	last := s.kind(definition)
	if last.spec == nil || !identical(reflect.ValueOf(last.spec).Elem(), reflect.ValueOf(&spec).Elem()) {
		last.spec = &spec
	}
	return last.spec
}

// alikeTypes does so for the types that a process handles.
func (s *Supervisor) alikeTypes(definition string, types []wire.TypeName) []wire.TypeName {
	last := s.kind(definition)
	if !slices.Equal(last.types, types) {
		last.types = types
	}
	return last.types
}

// kind is what the children of a definition share.
type kind struct {
	spec  *Child
	types []wire.TypeName
}

func (s *Supervisor) kind(definition string) *kind {
	k := s.kinds[definition]
	if k == nil {
		k = &kind{}
		s.kinds[definition] = k
	}
	return k
}

// identical says whether one of two values can stand for the other: whether they
// have the same pointers, slices and maps, not just such as look alike.
func identical(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !identical(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		return a.Pointer() == b.Pointer() && a.Len() == b.Len()
	case reflect.Map:
		return a.Pointer() == b.Pointer()
	}
	return a.Comparable() && b.Comparable() && a.Equal(b)
}
