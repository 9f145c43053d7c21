package codec_test

import (
	"encoding/binary"
	"math"
	"reflect"
)

// Model has every kind, in exported fields, so that reflection can fill it and
// read it.
type Model struct {
	Bool bool
	I8   int8
	U16  uint16
	F32  float32
	S    string
	I    int
	C    complex128
	Flat struct {
		A bool
		B uint64
		C [2]int16
	}
	Bytes []byte
	Words []uint32
	Flats []struct{ A, B int16 }
	Names []string
	Lists [][]string
	Rows  []struct {
		A uint8
		S string
		B []uint16
		C uint64
		D bool
	}
	Pairs [2]struct{ K, V string }
	P     *int32
	PP    **string
	M     map[string]uint16
	MM    map[int8]map[string][]string
	Empty []struct{}
	Kids  []Model
	Next  *Model
}

// filler makes values from fuzzed bytes. Maps get one entry at most, because
// the order of their entries is free.
type filler struct{ src []byte }

func (f *filler) byte() byte {
	if len(f.src) == 0 {
		return 0
	}
	b := f.src[0]
	f.src = f.src[1:]
	return b
}

func (f *filler) uint64() uint64 {
	var b [8]byte
	f.src = f.src[copy(b[:], f.src):]
	return binary.LittleEndian.Uint64(b[:])
}

func (f *filler) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.byte()%2 == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.uint64()))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(f.uint64())
	case reflect.Float32:
		v.SetFloat(float64(int16(f.uint64())))
	case reflect.Complex128:
		v.SetComplex(complex(float64(f.byte()), float64(f.byte())))
	case reflect.String:
		n := min(int(f.byte()), len(f.src))
		v.SetString(string(f.src[:n]))
		f.src = f.src[n:]
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.fill(field)
		}
	case reflect.Pointer:
		if f.byte()%2 == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem())
		}
	case reflect.Slice:
		if n := min(int(f.byte()%8), len(f.src)+1); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			for i := range n - 1 {
				f.fill(v.Index(i))
			}
		}
	case reflect.Map:
		n := f.byte() % 3
		if n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		if n > 1 {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(k)
			f.fill(e)
			v.SetMapIndex(k, e)
		}
	}
}

// modelAppend is the format as doc.go tells it, by reflection, as slow and as
// plain as can be.
func modelAppend(dst []byte, v reflect.Value) []byte {
	if pointerFree(v.Type()) {
		mem := make([]byte, v.Type().Size())
		modelMemory(mem, v)
		return append(dst, mem...)
	}
	switch v.Kind() {
	case reflect.String:
		return append(binary.AppendUvarint(dst, uint64(v.Len())), v.String()...)
	case reflect.Struct:
		for _, field := range v.Fields() {
			dst = modelAppend(dst, field)
		}
	case reflect.Array:
		for i := range v.Len() {
			dst = modelAppend(dst, v.Index(i))
		}
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, 0)
		}
		return modelAppend(append(dst, 1), v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return append(dst, 0)
		}
		dst = binary.AppendUvarint(dst, uint64(v.Len())+1)
		for i := range v.Len() {
			dst = modelAppend(dst, v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			return append(dst, 0)
		}
		dst = binary.AppendUvarint(dst, uint64(v.Len())+1)
		for it := v.MapRange(); it.Next(); {
			dst = modelAppend(modelAppend(dst, it.Key()), it.Value())
		}
	}
	return dst
}

func pointerFree(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer:
		return false
	case reflect.Array:
		return pointerFree(t.Elem())
	case reflect.Struct:
		for field := range t.Fields() {
			if !pointerFree(field.Type) {
				return false
			}
		}
	}
	return true
}

// modelMemory writes v as it stands in memory, with padding of zeros.
func modelMemory(mem []byte, v reflect.Value) {
	order := binary.NativeEndian
	word := func(n uint64) {
		switch v.Type().Size() {
		case 1:
			mem[0] = byte(n)
		case 2:
			order.PutUint16(mem, uint16(n))
		case 4:
			order.PutUint32(mem, uint32(n))
		case 8:
			order.PutUint64(mem, n)
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			mem[0] = 1
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		word(uint64(v.Int()))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		word(v.Uint())
	case reflect.Float32:
		word(uint64(math.Float32bits(float32(v.Float()))))
	case reflect.Complex128:
		order.PutUint64(mem, math.Float64bits(real(v.Complex())))
		order.PutUint64(mem[8:], math.Float64bits(imag(v.Complex())))
	case reflect.Struct:
		for i := range v.NumField() {
			modelMemory(mem[v.Type().Field(i).Offset:], v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			modelMemory(mem[uintptr(i)*v.Type().Elem().Size():], v.Index(i))
		}
	}
}
