package codec

import (
	"runtime"
	"time"
	"unsafe"
)

// Size returns the number of bytes that Append will append for v, a pointer, provided
// that the value does not change in between. It fails with ErrSizeUnknown if t is Custom.
func Size(t *Type, v any) (int, error) {
	p := t.pointer(v)
	if n, ok := weigh(t.plan.dynStart, p, t.plan.fixed); ok && n <= MaxBytes {
		return n, nil
	}
	n, err := t.measure(hide(p))
	runtime.KeepAlive(v)
	return n, err
}

// measure is Size for values that weigh does not handle.
func (t *Type) measure(p unsafe.Pointer) (int, error) {
	if t.custom {
		return 0, ErrSizeUnknown
	}
	n, err := t.plan.measure(p, 1, 0, t.plan.fixed)
	if err == nil {
		err = enter(0, n)
	}
	if err != nil {
		err = t.blame(err)
	}
	return n, err
}

// measure adds to total the bytes that put will write for those parts of count values,
// from p on, whose number of bytes depends on the value.
func (pl *plan) measure(p unsafe.Pointer, count, depth, total int) (int, error) {
	o := pl.dynStart
	for {
		switch o.kind {
		case opEnd:
			if count--; count == 0 {
				return total, nil
			}
			p = unsafe.Add(p, o.size)
			o = pl.dynStart
			continue
		case opString, opFlatSlice:
			n := (*span)(unsafe.Add(p, o.off)).len
			total += 1 + n*int(o.size)
			if n >= 0x7f {
				total += o.longer(n)
			}
		default:
			var err error
			if total, err = o.measure(unsafe.Add(p, o.off), depth, total); err != nil {
				return 0, err
			}
		}
		o = o.next()
	}
}

// measure does the rarer operations of plan.measure.
func (o *op) measure(f unsafe.Pointer, depth, total int) (int, error) {
	switch o.kind {
	case opEmpties:
		return total + lengthSize((*slice)(f).mark()), nil
	case opPlainSlice:
		v := (*slice)(f)
		return weighAll(o.sub, v.data, v.len, total+lengthSize(v.mark())), nil
	case opSlice:
		v := (*slice)(f)
		return o.sub.measureAll(v.data, v.len, depth+1, total+lengthSize(v.mark()))
	case opArray:
		return o.sub.measureAll(f, o.aux.n, depth+1, total)
	case opPointer:
		to := *(*unsafe.Pointer)(f)
		if to == nil {
			return total + 1, nil
		}
		return o.sub.measureAll(to, 1, depth+1, total+1)
	case opMap:
		return o.aux.maps.measure(o.aux.word, *(*unsafe.Pointer)(f), depth+1, total)
	case opTime:
		return total + 1 + timeSize(*(*time.Time)(f)), nil
	}
	return 0, ErrSizeUnknown
}

// measureAll adds the bytes of values that another value refers to.
func (pl *plan) measureAll(p unsafe.Pointer, count, depth, total int) (int, error) {
	if count == 0 {
		return total, nil
	}
	if err := enter(depth, total); err != nil {
		return 0, err
	}
	total += count * pl.fixed
	if pl.constant() {
		return total, nil
	}
	return pl.measure(p, count, depth, total)
}

// timeSize returns the number of bytes that time.Time.AppendBinary appends.
func timeSize(t time.Time) int {
	if t.Location() == time.UTC {
		return timeBytes
	}
	if _, offset := t.Zone(); offset%60 != 0 {
		return timeBytes + 1
	}
	return timeBytes
}
