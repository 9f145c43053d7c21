package codec

import (
	"encoding/binary"
	"reflect"
)

const (
	lendBytes = 4  // of the index of a lent item
	timeBytes = 15 // of most times; 16 if the offset from UTC is not in whole minutes
	blobBytes = 4  // of the length before what a marshaler wrote
)

// isFlat reports whether the memory of a t is its encoding: it has no pointers, no
// marshalers, and nothing that is refused.
func isFlat(t reflect.Type) bool {
	if t.Size() == 0 {
		return true
	}
	if treat(t) != asStructure || refusal(t) != "" {
		return false
	}
	switch t.Kind() {
	case reflect.Struct:
		for field := range t.Fields() {
			if !isFlat(field.Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return isFlat(t.Elem())
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer:
		return false
	}
	return true
}

// smallest returns the fewest bytes that a t takes. It ends for every type, since
// everything behind a reference may be absent.
func smallest(t reflect.Type) int {
	if isFlat(t) {
		return int(t.Size())
	}
	switch treat(t) {
	case asTime:
		return 1 + timeBytes
	case asMarshaler:
		return blobBytes
	case asLent:
		return lendBytes
	}
	switch t.Kind() {
	case reflect.Struct:
		n := 0
		for field := range t.Fields() {
			n += smallest(field.Type)
		}
		return n
	case reflect.Array:
		return t.Len() * smallest(t.Elem())
	}
	return 1 // the length, or the mark of a pointer
}

// boolRun says where bools are in flat memory: n places, stride bytes apart, from off on.
// Each is one bool or, if sub is not nil, contains those of sub.
type boolRun struct {
	off, stride uintptr
	n           int
	sub         []boolRun
}

// boolsOf appends the places of the bools in a flat t at off.
func boolsOf(t reflect.Type, off uintptr, runs []boolRun) []boolRun {
	if t.Size() == 0 {
		return runs
	}
	switch t.Kind() {
	case reflect.Bool:
		return append(runs, boolRun{off: off, stride: 1, n: 1})
	case reflect.Struct:
		for field := range t.Fields() {
			runs = boolsOf(field.Type, off+field.Offset, runs)
		}
	case reflect.Array:
		e := t.Elem()
		if e.Kind() == reflect.Bool {
			return append(runs, boolRun{off: off, stride: 1, n: t.Len()})
		}
		if sub := boolsOf(e, 0, nil); sub != nil {
			return append(runs, boolRun{off: off, stride: e.Size(), n: t.Len(), sub: sub})
		}
	}
	return runs
}

// boolWord says which bits of the eight bytes at off are clear if the bools in them are 0
// or 1.
type boolWord struct {
	off   uintptr
	clear uint64
}

// boolWords returns words for a quick check of the bools in runs, in memory of size bytes.
// It returns nil if there are too many bools, or too few bytes.
func boolWords(runs []boolRun, size uintptr) []boolWord {
	var words []boolWord
	for _, off := range boolOffsets(runs, 0, nil) {
		n := len(words)
		if n == 0 || off >= words[n-1].off+8 {
			if size < 8 || n == maxBoolWords {
				return nil
			}
			words = append(words, boolWord{off: min(off, size-8)})
			n++
		}
		var bits [8]byte
		bits[off-words[n-1].off] = 0xfe
		words[n-1].clear |= binary.NativeEndian.Uint64(bits[:])
	}
	return words
}

// maxBoolWords bounds boolWords.
const maxBoolWords = 8

// boolOffsets appends the offsets of the bools, in ascending order; if there are too many
// for boolWords, only the first ones.
func boolOffsets(runs []boolRun, off uintptr, all []uintptr) []uintptr {
	for _, r := range runs {
		for k := range r.n {
			at := off + r.off + uintptr(k)*r.stride
			if r.sub != nil {
				all = boolOffsets(r.sub, at, all)
			} else {
				all = append(all, at)
			}
			if len(all) > 8*maxBoolWords {
				return all
			}
		}
	}
	return all
}

func shift(runs []boolRun, by uintptr) []boolRun {
	for i := range runs {
		runs[i].off += by
	}
	return runs
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
