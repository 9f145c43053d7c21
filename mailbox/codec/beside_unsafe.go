package codec

import (
	"encoding/binary"
	"unsafe"
)

// There is a special path for types whose values hand over exactly one thing and
// otherwise take a fixed number of bytes: one function that copies the bytes and leaves
// what is handed over to the caller.

// beside says how the values of such a type are encoded.
type beside struct {
	bytes  int // of the encoding; 0: the type is not such a type
	lender op  // what is handed over
	at     int // offset of its index in the encoding
	copies []besideCopy
}

// besideCopy is memory of the value that is copied to or from the encoding.
type besideCopy struct {
	off, size uintptr
	at        int
}

// besideOf returns the beside of a plan, or the zero value if the type is not like that.
func besideOf(p *plan) (b beside) {
	if !p.constant() {
		return beside{}
	}
	for i := range p.ops {
		switch o := &p.ops[i]; o.kind {
		case opCopy, opCopy1, opCopy2, opCopy4, opCopy8:
			b.copies = append(b.copies, besideCopy{o.off, o.size, b.bytes})
			b.bytes += int(o.size)
		case opLend:
			if b.lender.aux != nil {
				return beside{} // a second one
			}
			b.lender, b.at = *o, b.bytes
			b.bytes += lendBytes
		case opEnd:
		default: // bools have to be checked
			return beside{}
		}
	}
	if b.lender.aux == nil || b.bytes > inOne {
		return beside{}
	}
	return b
}

// Beside returns the bytes of the encoding if all values hand over exactly one thing,
// take the same small number of bytes, and have nothing else special; otherwise 0.
func (t *Type) Beside() int { return t.beside.bytes }

// AppendBeside is Append to dst[:0] for a type with a Beside. It does not hand anything
// over: it writes the index 0, and returns a pointer to the part of the value that is to
// be handed over. dst must have room. The compiler does not see that the result points
// into the value, so the caller must keep the value alive.
func AppendBeside(t *Type, dst []byte, v any) (lender any) {
	b := &t.beside
	dst = dst[:b.bytes]
	p := t.pointer(v)
	for i := range b.copies {
		c := &b.copies[i]
		copy(dst[c.at:], unsafe.Slice((*byte)(unsafe.Add(p, c.off)), c.size))
	}
	binary.LittleEndian.PutUint32(dst[b.at:], 0)
	return faceOf(b.lender.aux.word, hide(unsafe.Add(p, b.lender.off)))
}

// DecodeBeside is Decode for a type with a Beside and an encoding with the index 0,
// except for what is handed over: it returns a pointer to that part of the value, for the
// caller to set, as AppendBeside does. If src is anything else, it does nothing and
// returns nil.
func DecodeBeside(t *Type, src []byte, v any) (accepter any) {
	b := &t.beside
	if len(src) != b.bytes || b.bytes == 0 || binary.LittleEndian.Uint32(src[b.at:]) != 0 {
		return nil
	}
	p := t.pointer(v)
	for i := range b.copies {
		c := &b.copies[i]
		copy(unsafe.Slice((*byte)(unsafe.Add(p, c.off)), c.size), src[c.at:])
	}
	return faceOf(b.lender.aux.word, hide(unsafe.Add(p, b.lender.off)))
}
