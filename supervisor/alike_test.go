package supervisor

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
)

// TestAlike: children that were given the same share it, whatever their names are,
// and those that were given anything else do not: each field is tried.
func TestAlike(t *testing.T) {
	s := &Supervisor{engine: &engine{kinds: map[string]*kind{}}}
	niceness := 3
	full := Child{
		Command: &Command{}, Supervisor: &Spec{}, Subtree: &Definition{}, NormalCodes: []int{1}, FatalCodes: []int{2},
		Env: []string{"A=1"}, Stderr: new(bytes.Buffer), Mailbox: mailbox.Config{Queue: "ring"},
		Limits: Limits{Nice: &niceness, Resources: map[Limit]uint64{LimitCore: 0}, ReadOnly: []string{"/"}, User: &User{}},
	}
	if full.Name = "x"; s.alike("", Child{Name: "a"}) != s.alike("", Child{Name: "b"}) || s.alike("full", full) != s.alike("full", full) {
		t.Error("children that were given the same do not share it")
	}
	if s.alike("full", full) == s.alike("other", full) || s.alike("full", full).Name != "" {
		t.Error("a definition shares with another one, or a name is kept")
	}
	for name, c := range map[string]Child{
		"an equal Command":    {Command: &Command{}},
		"an equal slice":      {Env: []string{"A=1"}},
		"a part of the slice": {Env: full.Env[:0]},
		"an equal map":        {Limits: Limits{Resources: map[Limit]uint64{LimitCore: 0}}},
		"an equal Writer":     {Stderr: new(bytes.Buffer)},
		"a Writer that cannot be compared": {Stderr: struct {
			io.Writer
			_ []int
		}{}},
	} {
		was := full
		for i := range reflect.TypeFor[Child]().NumField() { // c's fields in place of full's
			if f := reflect.ValueOf(c).Field(i); !f.IsZero() {
				reflect.ValueOf(&was).Elem().Field(i).Set(f)
			}
		}
		if s.alike("full", full) == s.alike("full", was) || s.alike("full", was) == s.alike("full", full) {
			t.Errorf("%s is shared", name)
		}
	}
	eachField(t, reflect.ValueOf(new(Child)).Elem(), "Child", func(v reflect.Value, name string) {
		if identical(v, reflect.Zero(v.Type())) {
			t.Errorf("a child with another %s is identical", name)
		}
	})
}

// eachField calls f once for each field in v, a struct, that is no struct itself:
// that field, called name, is then not zero, and all others are.
func eachField(t *testing.T, v reflect.Value, name string, f func(v reflect.Value, name string)) {
	t.Helper()
	for i := range v.NumField() {
		field, name := v.Field(i), name+"."+v.Type().Field(i).Name
		if field.Kind() == reflect.Struct {
			eachField(t, field, name, func(_ reflect.Value, name string) { f(v, name) })
			continue
		}
		field.Set(nonZero(t, field.Type(), name))
		f(v, name)
		field.SetZero()
	}
}

func nonZero(t *testing.T, typ reflect.Type, name string) reflect.Value {
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.String:
		v.SetString("x")
	case reflect.Pointer:
		v.Set(reflect.New(typ.Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(typ, 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(typ))
	case reflect.Interface:
		for _, x := range []any{os.Stderr, inert} {
			if reflect.TypeOf(x).Implements(typ) {
				v.Set(reflect.ValueOf(x))
			}
		}
	}
	if v.IsZero() {
		t.Fatalf("%s: no value of a %v", name, typ)
	}
	return v
}

var inert = actor.Define("alike", func(*actor.Setup[struct{}]) error { return nil })
