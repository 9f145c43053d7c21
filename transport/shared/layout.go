package shared

import (
	"context"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// View returns the memory at offset, in bytes from the beginning of Bytes, as a T: a
// struct, array or number of fixed layout. The first View at an offset records the
// layout: names of the fields, kinds, sizes and offsets. Every other process, or
// build, must have the same. The T is valid until Close, and is zero in a new memory.
//
// View fails with a *LayoutError if T contains something that has no meaning in another
// process (a pointer, string, slice, map, interface, channel, function or uintptr, or
// anything of package sync), if offset is not a multiple of T's alignment, if T does not
// fit, if it overlaps the view of another offset, or if the layouts differ. int and uint
// are allowed: their size is a part of the layout.
//
// The first View at an offset waits while another process makes a first View: for
// microseconds, or for as long as that process is stopped there. Nothing bounds that; a
// caller that has to go on uses another goroutine. Later Views never wait.
func View[T any](m *Memory, offset int) (*T, error) {
	t := reflect.TypeFor[T]()
	refuse := func(format string, args ...any) (*T, error) {
		return nil, &LayoutError{Type: t.String(), Offset: offset, Why: fmt.Sprintf(format, args...)}
	}
	layout, why := describe(t)
	size := int(t.Size())
	switch {
	case why != "":
		return refuse("%s", why)
	case size == 0:
		return refuse("it has no bytes")
	case offset < 0 || offset%t.Align() != 0:
		return refuse("the offset has to be a multiple of %d", t.Align())
	case offset > len(m.Bytes()) || size > len(m.Bytes())-offset:
		return refuse("its %d bytes do not fit into the %d of the memory", size, len(m.Bytes()))
	}
	if why, err := m.record(viewEntry{uint64(offset), uint64(size), hash(layout)}); why != "" || err != nil {
		if err != nil {
			return nil, err
		}
		return refuse("%s; here it is %s", why, layout)
	}
	return at[T](m, offset), nil
}

// record compares a view with those of the header, and adds it if it is new.
func (m *Memory) record(v viewEntry) (why string, err error) {
	// An entry below the count never changes.
	if n := min(m.head.views.Load(), maxViews); slices.Contains(m.head.view[:n], v) {
		return "", nil
	}
	lock := newMutex(m, &m.head.lock)
	if err := lock.Lock(context.Background()); !Held(err) {
		return "", err
	}
	defer lock.Unlock()
	// An owner that died here has left only whole entries: the count is stored last.
	if err := lock.MarkConsistent(); err != nil {
		return "", err
	}
	n := min(m.head.views.Load(), maxViews)
	for _, have := range m.head.view[:n] {
		switch {
		case have == v:
			return "", nil
		case have.offset == v.offset:
			return fmt.Sprintf("two builds disagree about its layout: %d bytes, hash %016x for the first process that looked at it; "+
				"%d bytes, hash %016x in this one", have.size, have.hash, v.size, v.hash), nil
		case v.offset < have.offset+have.size && have.offset < v.offset+v.size:
			return fmt.Sprintf("it overlaps the view of %d bytes at %d", have.size, have.offset), nil
		}
	}
	if n == maxViews {
		return "", &LimitError{What: "different views of one memory", Got: maxViews + 1, Limit: maxViews}
	}
	m.head.view[n] = v
	m.head.views.Store(n + 1)
	return "", nil
}

func hash(layout string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(layout))
	return h.Sum64()
}

// describe returns the layout of t on one line, as in "{A@0 int64 B@8 [4]uint8}16", or
// why t is unfit.
func describe(t reflect.Type) (layout, why string) {
	var d describer
	d.write(t, t.String())
	return d.String(), d.why
}

// words is the path of this package, whose types are described by their names, too.
var words = reflect.TypeFor[MutexWord]().PkgPath()

type describer struct {
	strings.Builder
	why string
}

func (d *describer) write(t reflect.Type, path string) {
	if d.why != "" {
		return
	}
	if t.PkgPath() == "sync" {
		d.why = fmt.Sprintf("%s is a %s, which works within one process only: use the words of this package", path, t)
		return
	}
	// Without the package of T, which may differ in another program.
	if name, _, _ := strings.Cut(t.Name(), "["); t.PkgPath() == words && strings.HasSuffix(name, "Word") {
		d.WriteString(name)
	}
	switch k := t.Kind(); k {
	case reflect.Struct:
		d.WriteByte('{')
		for i := range t.NumField() {
			f := t.Field(i)
			if i > 0 {
				d.WriteByte(' ')
			}
			fmt.Fprintf(d, "%s@%d ", f.Name, f.Offset)
			d.write(f.Type, path+"."+f.Name)
		}
		d.WriteString("}" + strconv.Itoa(int(t.Size())))
	case reflect.Array:
		fmt.Fprintf(d, "[%d]", t.Len())
		d.write(t.Elem(), path+"[]")
	case reflect.Pointer, reflect.UnsafePointer, reflect.Uintptr, reflect.String, reflect.Slice, reflect.Map,
		reflect.Interface, reflect.Chan, reflect.Func:
		d.why = fmt.Sprintf("%s is a %s, which means nothing in another process: use arrays, numbers and offsets", path, t)
	case reflect.Int, reflect.Uint:
		d.WriteString(k.String() + strconv.Itoa(t.Bits()))
	default:
		d.WriteString(k.String())
	}
}
