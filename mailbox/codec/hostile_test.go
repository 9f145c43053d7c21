package codec_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// refuse decodes bytes that are not a T and wants a CorruptError that says
// what; the value must be zero afterwards.
func refuse[T any](t *testing.T, src []byte, at int, what string) {
	t.Helper()
	ct := of[T](t)
	v := reflect.New(reflect.TypeFor[T]()).Interface().(*T)
	err := codec.Decode(ct, src, v, nil)
	var e *codec.CorruptError
	if !errors.As(err, &e) {
		t.Errorf("% x as %s: %v", src, ct, err)
		return
	}
	if e.Type != ct.Name() || e.At != at || !strings.Contains(e.What, what) {
		t.Errorf("% x as %s: %v; want %q at %d", src, ct, err, what, at)
	}
	if !reflect.ValueOf(v).Elem().IsZero() {
		t.Errorf("% x as %s left %+v", src, ct, *v)
	}
}

func TestRefused(t *testing.T) {
	refuse[uint32](t, []byte{1, 2, 3}, 0, "number of bytes")
	refuse[uint32](t, []byte{1, 2, 3, 4, 5}, 0, "number of bytes")
	refuse[bool](t, []byte{2}, 0, "bool")
	refuse[Point](t, nil, 0, "number of bytes")
	refuse[[4]bool](t, []byte{1, 0, 1, 255}, 3, "bool")
	refuse[[2]struct{ A, B bool }](t, []byte{1, 0, 1, 7}, 3, "bool")
	refuse[string](t, nil, 0, "length")
	refuse[string](t, []byte{3, 'a', 'b'}, 0, "length")
	refuse[string](t, []byte{1, 'a', 'b'}, 2, "left over")
	refuse[string](t, []byte{0x80, 0}, 0, "not a number")                // longer than needed
	refuse[string](t, bytes.Repeat([]byte{0xff}, 20), 0, "not a number") // too large
	refuse[string](t, []byte{0xff, 0xff, 0xff, 0xff, 0x7f}, 0, "length") // 32 GiB
	refuse[[]byte](t, []byte{5, 1, 2, 3}, 0, "number of elements")       // one too few
	refuse[[]uint64](t, []byte{3, 1, 2, 3, 4}, 0, "number of elements")  //
	refuse[[]bool](t, []byte{4, 1, 0, 9}, 0, "bool")                     //
	refuse[[]string](t, []byte{9, 0, 0}, 0, "number of elements")        //
	refuse[[]string](t, []byte{3, 0, 9}, 2, "length")                    // the second string
	refuse[[][]string](t, []byte{2, 9, 0}, 1, "number of elements")      //
	refuse[[]struct{}](t, []byte{0x82, 0x80, 0x80, 0x08}, 0, "elements") // MaxEmpty + 1
	refuse[map[struct{}]struct{}](t, []byte{3}, 1, "one key")            // no entry takes a byte
	refuse[map[byte]byte](t, []byte{3, 1, 1, 1, 2}, 5, "one key")        //
	refuse[map[uint16]uint64](t, []byte{3, 1, 0, 2}, 0, "elements")      //
	refuse[*uint8](t, []byte{2, 1}, 0, "pointer")                        //
	refuse[*uint8](t, nil, 0, "needed")                                  //
	refuse[*uint8](t, []byte{1}, 1, "needed")                            //
	refuse[Tree](t, bytes.Repeat([]byte{1}, 100), 99, "needed")          //
	refuse[Checked](t, []byte{4, 0, 0}, 0, "needed")                     //
	refuse[Checked](t, []byte{5, 0, 0, 0, 1, 2, 3, 4}, 0, "length")      //
	refuse[Parcel](t, []byte{0, 1, 0, 0}, 1, "needed")                   // the index
	refuse[[1]struct{ S string }](t, []byte{0, 0}, 1, "left over")       //
	refuse[struct {
		A bool
		S string
	}](t, []byte{9, 0}, 0, "bool")
}

// A time and a marshaler of the program report their own errors.
func TestRefusedByMarshaler(t *testing.T) {
	var m *codec.MarshalError
	if err := codec.Decode(of[Checked](t), []byte{1, 0, 0, 0, 1}, new(Checked), nil); !errors.As(err, &m) || m.Op != "UnmarshalBinary" {
		t.Errorf("got %v", err)
	}
	r := Rich{}
	b, _ := codec.Append(of[Rich](t), nil, &r, nil)
	at := bytes.IndexByte(b, 15) // the length of the time
	b[at+1] = 77                 // its version
	m = nil
	if err := codec.Decode(of[Rich](t), b, &r, nil); !errors.As(err, &m) || m.Of != "time.Time" {
		t.Errorf("got %v", err)
	}
}

func TestNestingIsBounded(t *testing.T) {
	type list struct{ Next *list }
	src := append(bytes.Repeat([]byte{1}, 2*codec.MaxDepth), 0)
	var e *codec.LimitError
	if err := codec.Decode(of[list](t), src, new(list), nil); !errors.As(err, &e) || e.Limit != codec.MaxDepth {
		t.Errorf("got %v", err)
	}
}

// A few bytes that promise much cost no memory.
func TestPromisesAllocateNothing(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		codec.Decode(of[[]uint64](t), huge, new([]uint64), nil)
		codec.Decode(of[[]string](t), huge, new([]string), nil)
		codec.Decode(of[string](t), huge, new(string), nil)
		codec.Decode(of[map[string]Rich](t), huge, new(map[string]Rich), nil)
		codec.Decode(of[[]Rich](t), huge, new([]Rich), nil)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}
