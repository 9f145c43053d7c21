package codec

import (
	"encoding/binary"
	"math/bits"
)

// Lengths are unsigned varints: seven bits a byte, the lowest first, the top bit set in
// all but the last byte. Only the shortest form is valid.

func appendLength(dst []byte, n uint64) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	return binary.AppendUvarint(dst, n)
}

func lengthSize(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

// takeLength takes a length from src; ok is false if there is no valid one.
func takeLength(src []byte) (n uint64, rest []byte, ok bool) {
	if len(src) == 0 {
		return 0, src, false
	}
	b := src[0]
	if b < 0x80 {
		return uint64(b), src[1:], true
	}
	return takeLongLength(b, src)
}

// takeLongLength continues after the first byte, which it does not read again.
func takeLongLength(first byte, src []byte) (n uint64, rest []byte, ok bool) {
	n = uint64(first & 0x7f)
	for i := 1; i < min(len(src), maxLengthBytes); i++ {
		b := src[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, src[i+1:], b != 0
		}
	}
	return 0, src, false
}

// maxLengthBytes is the size of the longest length: 63 bits.
const maxLengthBytes = 9
