package codec

import "unsafe"

// inOne is the largest number of bytes that run copies for one operation.
const inOne = 256

// run writes count values to room, which has size bytes, n of them written. It begins at
// the operation o of the first value, at p. It stops after the last value, or at an
// operation that is not one of the usual ones or does not fit. The results are that
// operation, its value, the bytes written and the number of values left.
//
// It checks the room only at operations whose number of bytes depends on the value, and
// there also for the copies that follow, so each of these is just a load and a store. It
// has few variables and calls nothing, except for slices of structs, so that the variables
// stay in registers. Everything rare is left to other functions.
func run(o *op, p, room unsafe.Pointer, n, size, count int) (*op, unsafe.Pointer, int, int) {
	for {
		f := unsafe.Add(p, o.off)
		switch o.kind {
		case opCopy8:
			*(*[8]byte)(unsafe.Add(room, n)) = *(*[8]byte)(f)
			n, o = n+8, o.next()
			continue
		case opCopy4:
			*(*[4]byte)(unsafe.Add(room, n)) = *(*[4]byte)(f)
			n, o = n+4, o.next()
			continue
		case opCopy1, opBool:
			*(*byte)(unsafe.Add(room, n)) = *(*byte)(f)
			n, o = n+1, o.next()
			continue
		case opCopy2:
			*(*[2]byte)(unsafe.Add(room, n)) = *(*[2]byte)(f)
			n, o = n+2, o.next()
			continue
		case opString, opFlatSlice:
		case opPlainSlice:
			end := o.elements((*slice)(f), room, n, size)
			if end < 0 {
				return o, p, n, count
			}
			n, o = end, o.next()
			continue
		case opEnd:
			if count--; count == 0 {
				return o, p, n, 0
			}
			p = unsafe.Add(p, o.size)
			if n+o.then > size {
				return o, p, n, count
			}
			o = o.sub.start
			continue
		default:
			return o, p, n, count
		}
		v := (*span)(f)
		from, mark, bytes := v.data, v.len+int(o.plus), v.len*int(o.size)
		if from == nil {
			mark = 0
		}
		if mark >= 0x80 || bytes > inOne || n+1+bytes+o.then > size {
			return o, p, n, count
		}
		*(*byte)(unsafe.Add(room, n)) = byte(mark)
		n++
		// Two overlapping copies are cheaper than a call.
		switch {
		case bytes >= 16:
			to := unsafe.Add(room, n)
			for i := 0; i < bytes-16; i += 16 {
				*(*[16]byte)(unsafe.Add(to, i)) = *(*[16]byte)(unsafe.Add(from, i))
			}
			*(*[16]byte)(unsafe.Add(to, bytes-16)) = *(*[16]byte)(unsafe.Add(from, bytes-16))
		case bytes >= 8:
			to := unsafe.Add(room, n)
			*(*[8]byte)(to) = *(*[8]byte)(from)
			*(*[8]byte)(unsafe.Add(to, bytes-8)) = *(*[8]byte)(unsafe.Add(from, bytes-8))
		case bytes >= 4:
			to := unsafe.Add(room, n)
			*(*[4]byte)(to) = *(*[4]byte)(from)
			*(*[4]byte)(unsafe.Add(to, bytes-4)) = *(*[4]byte)(unsafe.Add(from, bytes-4))
		case bytes > 0:
			to := unsafe.Add(room, n)
			*(*byte)(to) = *(*byte)(from)
			*(*byte)(unsafe.Add(to, bytes>>1)) = *(*byte)(unsafe.Add(from, bytes>>1))
			*(*byte)(unsafe.Add(to, bytes-1)) = *(*byte)(unsafe.Add(from, bytes-1))
		}
		n += bytes
		o = o.next()
	}
}

// elements is run for a slice of plain values. It returns the bytes written, or -1 if the
// slice does not fit.
func (o *op) elements(v *slice, room unsafe.Pointer, n, size int) int {
	mark := v.mark()
	if mark >= 0x80 || n+1+o.sub.first > size {
		return -1
	}
	*(*byte)(unsafe.Add(room, n)) = byte(mark)
	n++
	if mark > 1 {
		left := 0
		if _, _, n, left = run(o.sub.start, v.data, room, n, size, int(mark)-1); left > 0 {
			return -1
		}
	}
	if n+o.then > size {
		return -1
	}
	return n
}

// weigh adds to total the bytes that run will write for those parts of the value at p
// whose number of bytes depends on the value, from the operation o on. It returns false at
// an operation that run does not do.
func weigh(o *op, p unsafe.Pointer, total int) (int, bool) {
	for ; ; o = o.next() {
		switch o.kind {
		case opString, opFlatSlice:
			n := (*span)(unsafe.Add(p, o.off)).len
			total += 1 + n*int(o.size)
			if n >= 0x7f {
				total += o.longer(n)
			}
		case opPlainSlice:
			v := (*slice)(unsafe.Add(p, o.off))
			total = weighAll(o.sub, v.data, v.len, total+lengthSize(v.mark()))
		case opEnd:
			return total, true
		default:
			return 0, false
		}
	}
}

// weighAll is weigh for count plain values.
func weighAll(pl *plan, p unsafe.Pointer, count, total int) int {
	total += count * pl.fixed
	if pl.constant() {
		return total
	}
	for i := range count {
		v := unsafe.Add(p, uintptr(i)*pl.size)
		for o := pl.dynStart; o.kind != opEnd; o = o.next() {
			n := (*span)(unsafe.Add(v, o.off)).len
			total += 1 + n*int(o.size)
			if n >= 0x7f {
				total += o.longer(n)
			}
		}
	}
	return total
}

// longer returns how many bytes more than one the length of n elements takes.
//
//go:noinline
func (o *op) longer(n int) int { return lengthSize(uint64(n)+uint64(o.plus)) - 1 }
