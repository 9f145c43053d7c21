// Package codec turns typed values into bytes and back, for two processes of one
// machine that exchange Go values as messages.
//
// Both sides must agree on a [Type]. It has a name, a structure, and a plan for
// encoding its values, which is built once:
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
// A message is copied as an assignment copies it, but deeply: every field, exported
// or not, and what it refers to. The copy shares nothing with the original: two
// pointers to one value become pointers to two values. Methods, tags and the
// capacity of slices are not copied. A type may contain itself, but a value that
// contains itself is an error ([MaxDepth]).
//
//   - bool, integers, floats, complex numbers, string, arrays, slices, maps,
//     pointers and structs of all of these. Nil slices, maps and pointers stay
//     nil and empty ones stay empty. The entries of a map travel in no
//     particular order.
//   - Types without size, such as struct{} and the markers of protocols, are
//     legal anywhere and take no bytes.
//   - A type that declares [encoding.BinaryUnmarshaler] and
//     [encoding.BinaryAppender] or [encoding.BinaryMarshaler], on the value or
//     on the pointer, is written and read by these methods, at any depth. The
//     methods get copies, and their errors come back as a [*MarshalError]. If
//     the type has methods for one direction only, or only because it embeds
//     another type, its structure travels: the methods of an embedded field
//     know nothing of the fields beside it.
//   - [time.Time] travels as its AppendBinary writes it: the instant and the
//     offset from UTC, without the name of the zone and the monotonic clock.
//   - A [Lender] that is also an [Accepter] is not copied: it is handed over.
//   - A [View] travels as a []byte does. The receiver may let it point into the
//     bytes that it decodes.
//
// Functions, channels, interfaces, uintptr, [unsafe.Pointer] and the types of
// package sync cannot travel. Of fails, and names the path of every such field.
//
// # Identity
//
// [Type.Describe] returns the structure on one line: the names and types of all
// fields, also of all types that these refer to, the sizes of int and uint, the
// lengths of arrays, and which types have marshalers. Tags, methods and comments are
// not part of it. If a field was renamed, moved, added, removed or given another type
// in one of two builds, the structures differ under the same name, which is a
// [*MismatchError] and never garbage. A type declared inside a function has only the
// name of its package as a prefix: two such types of one name are told apart by their
// structures.
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
// Lengths are unsigned varints: seven bits a byte, the lowest first, the top bit set
// in all bytes but the last. A byte of a bool is 0 or 1. Too few or too many bytes are
// an error. On a little-endian machine:
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
// Unlike in other formats, numbers are not compressed: copying eight bytes is cheaper
// than examining them. Varints for lengths take no measurable time compared with four
// fixed bytes, and have no limit of their own.
//
// # Guarantees
//
//   - [Decode] treats its bytes as hostile. Each byte is read once, and checked where
//     it was copied to, so a peer may write them meanwhile. Every count is checked
//     against the bytes that follow, and against the limits of this package, before
//     memory is allocated. Decode fails with an error, never with a panic of its own,
//     and then leaves the zero value behind.
//   - A decoded value shares no memory with the bytes it came from, except for a View
//     if [Lent.Views] is set.
//   - Encoding does not allocate, except in marshalers of the program; decoding
//     allocates only what the value consists of. Neither moves the value from the
//     caller's stack to the heap.
//   - All functions may be called from several goroutines.
//
// # Non-goals
//
// Values for other machines or architectures, and stored values: the format has no
// versions and no tolerance, and needs 64-bit machines of the same byte order, either
// one, on both sides. It hides nothing: the padding of a flat value may contain what
// its memory held before, for example bytes of the sender's stack. So the format is
// for processes of one program and one user. The memory that decoding takes is bounded
// by a multiple of the bytes, which depends on the type: 24 bytes of slice for one
// encoded byte, or the size of a type with marshalers for four.
package codec
