package supervisor

import (
	"reflect"
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

// alike returns spec without its name. Children of a definition with equal specs share
// one, since a program may have very many of them. It must not be changed.
func (s *Supervisor) alike(definition string, spec Child) *Child {
	spec.Name = ""
	last := s.kind(definition)
	if last.spec == nil || !identical(reflect.ValueOf(last.spec).Elem(), reflect.ValueOf(&spec).Elem()) {
		last.spec = &spec
	}
	return last.spec
}

// alikeTypes does the same for the types that a process handles.
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

// identical says whether one of two values can replace the other: whether they have the
// same pointers, slices and maps, not just equal ones.
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
