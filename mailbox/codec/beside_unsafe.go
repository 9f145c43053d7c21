package codec

import (
	"encoding/binary"
	"unsafe"
)

// Values that hand over exactly one thing beside what is copied, and whose
// encoding has therefore always the same number of bytes, have a way of their
// own: one function that copies, and leaves what is handed over to the caller.

// beside says how such values are encoded.
type beside struct {
	bytes  int // of the encoding; 0: the type's values are not like that
	lender op  // what is handed over
	at     int // where its index stands in the encoding
	copies []besideCopy
}

// besideCopy is memory of the value that is copied to or from the encoding.
type besideCopy struct {
	off, size uintptr
	at        int
}

// besideOf finds out whether values of p are like that.
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
		default: // bools have to be looked at
			return beside{}
		}
	}
	if b.lender.aux == nil || b.bytes > inOne {
		return beside{}
	}
	return b
}

// Beside is the bytes of the encoding if values hand over exactly one thing, all of
// them take the same small number of bytes, and nothing else is special about them;
// else 0.
func (t *Type) Beside() int { return t.beside.bytes }

// AppendBeside is Append to dst[:0] for a type with a Beside. What is handed over, a
// pointer to that part of the value, is returned instead, for the caller to deal
// with; its index is written as 0. dst must have room. The compiler does not see that
// the result points into the value: the caller keeps that alive.
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

// DecodeBeside is Decode for a type with a Beside, of an encoding with the index 0,
// but for what is handed over: a pointer to that part of the value is returned, for
// the caller to set, as with AppendBeside. It returns nil, and has done nothing, when
// src is anything else.
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
