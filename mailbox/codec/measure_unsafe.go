package codec

import (
	"runtime"
	"time"
	"unsafe"
)

// Size is the number of bytes that Append will append for v, a pointer, provided
// that the value does not change in between. It fails with ErrSizeUnknown if t
// is Custom.
func Size(t *Type, v any) (int, error) {
	p := t.pointer(v)
	if t.plan.constant() {
		return t.plan.fixed, nil
	}
	n, err := t.measure(hide(p))
	runtime.KeepAlive(v)
	return n, err
}

func (t *Type) measure(p unsafe.Pointer) (int, error) {
	if t.custom {
		return 0, ErrSizeUnknown
	}
	n, err := t.plan.measure(p, 0)
	if err != nil {
		err = t.blame(err)
	}
	return n, err
}

// measure is the number of bytes that encode will append.
func (pl *plan) measure(p unsafe.Pointer, depth int) (int, error) {
	total := pl.fixed
	for i := range pl.dyn {
		o := &pl.dyn[i]
		f := unsafe.Add(p, o.off)
		switch o.kind {
		case opString:
			n := len(*(*string)(f))
			total += lengthSize(uint64(n)) + n
		case opFlatSlice:
			s := (*slice)(f)
			total += lengthSize(s.mark()) + s.len*int(o.size)
		case opPointer:
			total++
			if to := *(*unsafe.Pointer)(f); to != nil {
				n, err := o.sub.measureAll(to, 1, depth+1, total)
				if err != nil {
					return 0, err
				}
				total += n
			}
		default:
			n, err := o.measure(f, depth, total)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

// measure is the rarer half of plan.measure.
func (o *op) measure(f unsafe.Pointer, depth, total int) (int, error) {
	switch o.kind {
	case opStrings:
		all := *(*[]string)(f)
		n := lengthSize((*slice)(f).mark())
		for i := range all {
			n += lengthSize(uint64(len(all[i]))) + len(all[i])
		}
		return n, nil
	case opSlice:
		s := (*slice)(f)
		n, err := o.sub.measureAll(s.data, s.len, depth+1, total)
		return n + lengthSize(s.mark()), err
	case opArray:
		return o.sub.measureAll(f, o.aux.n, depth+1, total)
	case opMap:
		return o.aux.maps.measure(o.aux.word, *(*unsafe.Pointer)(f), depth+1, total)
	case opTime:
		return 1 + timeSize(*(*time.Time)(f)), nil
	}
	return 0, ErrSizeUnknown
}

// measureAll measures n values that stand one after another.
func (pl *plan) measureAll(p unsafe.Pointer, n, depth, total int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	if err := enter(depth, total); err != nil {
		return 0, err
	}
	if pl.constant() {
		return n * pl.fixed, nil
	}
	sum := 0
	for i := range n {
		one, err := pl.measure(unsafe.Add(p, uintptr(i)*pl.size), depth)
		if err != nil {
			return 0, err
		}
		sum += one
		if err := enter(depth, total+sum); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// timeSize is the length of what time.Time.AppendBinary appends.
func timeSize(t time.Time) int {
	if t.Location() == time.UTC {
		return timeBytes
	}
	if _, offset := t.Zone(); offset%60 != 0 {
		return timeBytes + 1
	}
	return timeBytes
}
