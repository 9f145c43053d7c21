package codec

import "math"

// The bounds of the codec. They are part of the format: an encoder refuses
// what the decoder of the same build would refuse.
const (
	// MaxDepth is how deep pointers, slices, arrays and maps of a value may
	// nest. It turns a value that contains itself into an error. A slice whose
	// elements refer only to strings and to slices of flat elements does not
	// count.
	MaxDepth = 10_000

	// MaxBytes is the largest encoding of one value, in bytes.
	MaxBytes = 16 << 30

	// MaxEmpty is the largest number of elements in a slice whose elements
	// take no bytes, such as []struct{}: unlike for all other slices, the
	// bytes that follow do not bound that number.
	MaxEmpty = 1 << 24

	// MaxLent is the largest number of items that travel beside one message.
	MaxLent = 8
)

// The codec needs a 64-bit machine, of either byte order. This does not compile if uint
// has 32 bits.
const _ = uint64(math.MaxUint) - math.MaxUint64
