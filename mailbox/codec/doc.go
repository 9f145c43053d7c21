// Package codec turns typed values into bytes and back: what two processes of
// one machine need to exchange Go values as messages.
//
// A [Type] is what both sides agree on. It has a name, a structure, and a plan
// of how its values are laid out, which is built once:
//
//	Of[T] ──► Type ──► ID = hash of the name · hash of the structure
//	            │
//	            ├─ flat:   pointer-free memory      one copy out, one copy in
//	            ├─ others: a list of operations     copy · string · slice · map · ...
//	            ├─ Custom: contains marshalers of the program
//	            └─ Lends:  contains things that are handed over in a [Lent]
//
// # What travels
//
// A message is copied as an assignment copies it, and deeply: every field,
// exported or not, and what it refers to. The copy shares nothing with the
// original; two pointers to one value become pointers to two values, and
// methods, tags and the capacity of slices do not matter. A value that
// contains itself is an error ([MaxDepth]); a type may contain itself.
//
//   - bool, integers, floats, complex numbers, string, arrays, slices, maps,
//     pointers and structs of all of these. Nil slices, maps and pointers stay
//     nil and empty ones stay empty. The entries of a map come in no order.
//   - Types without size, such as struct{} and the markers of protocols, are
//     legal anywhere and take no bytes.
//   - A type that declares [encoding.BinaryUnmarshaler] and
//     [encoding.BinaryAppender] or [encoding.BinaryMarshaler], on the value or
//     on the pointer, is written and read by these methods, at any depth. With
//     one direction only, or if the methods are there only because another
//     type is embedded, its structure travels: the methods of an embedded
//     field know nothing of the fields beside it. The methods get copies, and
//     their errors come back as a [*MarshalError].
//   - [time.Time] travels as its AppendBinary writes it: the instant and the
//     offset from UTC, without the name of the zone and the monotonic clock.
//   - A [Lender] that is an [Accepter] too is not copied: it is handed over.
//   - A [View] travels as a []byte does. The receiver may let it point into the
//     bytes that it decodes.
//
// Functions, channels, interfaces, uintptr, [unsafe.Pointer] and the types of
// package sync cannot travel. Of fails, and names the path of every such field.
//
// # Identity
//
// [Type.Describe] is the structure on one line: the names and types of all
// fields, through all types that are reached, the sizes of int and uint,
// lengths of arrays, and which types have marshalers. Two builds in which a
// field was renamed, moved, added, removed or changed its type have different
// structures under the same name, which is a [*MismatchError] and never
// garbage. Tags, methods and comments are no part of it. Types that are
// declared inside of functions have the names of their packages only: two of
// one name are told apart by their structures.
//
// # The format
//
// A flat value is its memory: pointer-free, in the byte order and with the
// alignment of the machine, padding included. Any other value is the sequence
// of its parts, without padding between them:
//
//	struct       its fields, in the order of the source
//	array        its elements
//	string       length, bytes
//	slice, map   0 for nil, or length + 1; then the elements, or keys and values in turn
//	pointer      one byte: 0 for nil, or 1 and the value
//	time.Time    one byte: the length, 15 or 16; what AppendBinary wrote
//	marshaler    four bytes, little-endian: the length; what it wrote
//	lent         four bytes, little-endian: the index
//
// Lengths are unsigned varints: seven bits a byte, the lowest first, the top
// bit set on all bytes but the last. A byte of a bool is 0 or 1. Every number
// of bytes but the right one is an error. On a little-endian machine:
//
//	Point{1, -1}                     01 00 00 00 ff ff ff ff
//	struct{A, B uint8}{1, 2}         01 02
//	greeting{"hi", 7, true, 2}       02 68 69 07 00 00 00 01 02 00
//	""                               00
//	[]byte(nil)                      00
//	[]byte{}                         01
//	[]uint16{1, 2}                   03 01 00 02 00
//	[]string{"a", ""}                03 01 61 00
//	[2]string{"a", "b"}              01 61 01 62
//	[]struct{}{{}, {}}               03
//	map[string]int8(nil)             00
//	map[string]int8{"k": 5}          02 01 6b 05
//	(*uint8)(nil)                    00
//	pointer to uint8(9)              01 09
//	time.Unix(0, 0).UTC()            0f 01 00 00 00 0e 77 91 f7 00 00 00 00 00 ff ff
//	Key{"k"}                         02 00 00 00 3c 6b
//	Item, the first one lent         00 00 00 00
//
// with
//
//	type Point struct{ X, Y int32 }
//	type greeting struct { Marker; Text string; PID int32; Ok bool; Pad int16 }
//	type Key struct{ S string } // its AppendBinary writes "<" and S
//	type Item struct{ ... }     // a Lender
//
// Numbers are not made smaller, as other formats do: to copy eight bytes is
// cheaper than to look at them. Varints for lengths cost no measurable time
// against four fixed bytes, and have no limit of their own.
//
// # Guarantees
//
//   - [Decode] takes its bytes for hostile. Each byte is read once, and checked
//     where it was copied to, so that a peer may write them meanwhile. Every
//     count is checked against the bytes that follow, and against the limits of
//     this package, before memory is allocated. It fails with an error, never
//     with a panic of its own, and leaves the zero value behind.
//   - A decoded value shares no memory with the bytes it came from, except for
//     a View where [Lent.Views] is set.
//   - Encoding does not allocate, except in marshalers of the program; decoding
//     allocates what the value consists of. Neither moves the value from the
//     caller's stack to the heap.
//   - All functions may be called from several goroutines.
//
// # Non-goals
//
// Values for other machines, other architectures, or for keeping: the format
// has no versions and no tolerance, and needs a 64-bit machine of either byte
// order on both sides. It hides nothing: the padding of a flat value may hold
// bytes that its memory held before, of the sender's stack for example, which
// is why the format is for processes of one program and one user. The memory
// that decoding takes is bounded by a multiple of the bytes, which depends on
// the type: 24 bytes of slice for one encoded byte, or the size of a type with
// marshalers for four.
package codec
