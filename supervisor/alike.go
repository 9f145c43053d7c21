package supervisor

import "reflect"

// alike is spec without its name, kept once for all children of a definition that
// were given the same: a program may have very many of these. Who has it does not
// change it.
func (s *Supervisor) alike(definition string, spec Child) *Child {
	spec.Name = ""
	last := s.given[definition]
	if last == nil || !identical(reflect.ValueOf(last).Elem(), reflect.ValueOf(&spec).Elem()) {
		last = &spec
		s.given[definition] = last
	}
	return last
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
