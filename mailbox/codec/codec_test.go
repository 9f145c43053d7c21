package codec_test

import (
	"bytes"
	"errors"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// trip encodes v, checks that Size knew the length, and decodes it again from
// memory that is destroyed before the value is looked at.
func trip[T any](t *testing.T, v T) T {
	t.Helper()
	ct := of[T](t)
	b, err := codec.Append(ct, []byte("before"), &v, nil)
	if err != nil {
		t.Fatalf("%s: %v", ct, err)
	}
	if !bytes.HasPrefix(b, []byte("before")) {
		t.Fatalf("%s: Append changed what was there: %q", ct, b)
	}
	b = b[len("before"):]
	if n, err := codec.Size(ct, &v); ct.Custom() {
		if err != codec.ErrSizeUnknown {
			t.Errorf("%s: Size is %d, %v", ct, n, err)
		}
	} else if err != nil || n != len(b) {
		t.Errorf("%s: Size is %d, %v; Append wrote %d", ct, n, err, len(b))
	}
	var got T
	if err := codec.Decode(ct, b, &got, nil); err != nil {
		t.Fatalf("%s: %v", ct, err)
	}
	for i := range b {
		b[i] = 0xee
	}
	return got
}

func same[T any](t *testing.T, v T) {
	t.Helper()
	if got := trip(t, v); !reflect.DeepEqual(got, v) {
		t.Errorf("%T: got %+v, want %+v", v, got, v)
	}
}

func TestRoundTrip(t *testing.T) {
	same(t, true)
	same(t, int8(-1))
	same(t, -1<<40)
	same(t, complex(1, -2))
	same(t, "")
	same(t, strings.Repeat("long ", 100))
	same(t, [3]bool{true, false, true})
	same(t, []byte(nil))
	same(t, []byte{})
	same(t, struct{}{})
	same(t, (*int)(nil))
	same(t, map[string]int(nil))
	same(t, map[string]int{})
	same(t, map[[2]string]map[int8][]string{{"a", "b"}: {1: {"x"}, 2: nil}, {}: nil})
	same(t, map[struct{}]struct{}{{}: {}})
	same(t, [][]struct{}{nil, {}, make([]struct{}, 1000)})
	same(t, Flat{ID: 1, On: true, Small: -2, At: [3]Point{{1, 2}}, F: 3.5, C: 1i, Ok: true})
	same(t, Rich{})
	same(t, richSample())
	same(t, job())
	same(t, OneWay{7})
	same(t, Stamped{time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC), "both"})
	same(t, Tree{1, &Tree{Value: 2}, nil, []Tree{{Value: 3, Kids: []Tree{}}}, map[string]*Tree{"a": nil, "b": {Value: 4}}})
}

func TestCustom(t *testing.T) {
	link, _ := url.Parse("https://user@example.org/a?b#c")
	same(t, Custom{
		N: 1, Addr: netip.MustParseAddr("fe80::1%eth0"), Link: link, Sum: Checked{2},
		All: []Checked{{4}, {6}}, By: map[Key]int8{{"k"}: 1, {}: 2},
	})
	same(t, []Keeper{{[]byte("kept")}, {[]byte("too")}})
	if got := trip(t, OwnStamp{time.Now(), "own"}); got.Note != "own" || !got.Time.IsZero() {
		t.Errorf("the marshaler of the type itself was not used: %+v", got)
	}
	v := Custom{All: []Checked{{2}, {3}}}
	_, err := codec.Append(of[Custom](t), nil, &v, nil)
	var m *codec.MarshalError
	if !errors.Is(err, errOdd) || !errors.As(err, &m) || !strings.HasSuffix(m.Of, ".Checked") || m.Op != "MarshalBinary" {
		t.Errorf("got %v", err)
	}
}

// Times keep their instant and their offset, as time.Time.MarshalBinary does.
func TestTime(t *testing.T) {
	for _, loc := range []*time.Location{time.UTC, time.Local, time.FixedZone("", 3600), time.FixedZone("odd", 3601)} {
		in := time.Date(1890, 2, 3, 4, 5, 6, 789, loc)
		got := trip(t, in)
		_, a := in.Zone()
		_, b := got.Zone()
		if !got.Equal(in) || a != b {
			t.Errorf("%v became %v", in, got)
		}
	}
	far := time.Unix(0, 0).In(time.FixedZone("far", 1<<30))
	if _, err := codec.Append(of[time.Time](t), nil, &far, nil); err == nil {
		t.Error("an offset of 34 years passed")
	}
}

func TestDecodeOverwrites(t *testing.T) {
	old := richSample()
	var zero Rich
	b, err := codec.Append(of[Rich](t), nil, &zero, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := codec.Decode(of[Rich](t), b, &old, nil); err != nil || !reflect.DeepEqual(old, zero) {
		t.Errorf("%v, %+v", err, old)
	}
}

func TestLent(t *testing.T) {
	a, b, c := "a", "b", "c"
	in := Parcel{"label", Item{&a}, []Item{{&b}, {}, {&c}}}
	ct := of[Parcel](t)
	var lent codec.Lent
	enc, err := codec.Append(ct, nil, &in, &lent)
	if err != nil || lent.N != 3 {
		t.Fatalf("%v, %d lent", err, lent.N)
	}
	if n, err := codec.Size(ct, &in); err != nil || n != len(enc) {
		t.Errorf("Size is %d, %v; Append wrote %d", n, err, len(enc))
	}
	var got Parcel
	if err := codec.Decode(ct, enc, &got, &lent); err != nil || !reflect.DeepEqual(got, in) {
		t.Errorf("%v, %+v", err, got)
	}
	if got.One.p != &a {
		t.Error("the item was copied")
	}
	if err := codec.Decode(ct, enc, &got, nil); err == nil || !reflect.DeepEqual(got, Parcel{}) {
		t.Errorf("without the items: %v, %+v", err, got)
	}
	w := Wrapped{Item{&a}, "note"}
	lent = codec.Lent{}
	enc, err = codec.Append(of[Wrapped](t), nil, &w, &lent)
	var back Wrapped
	if err2 := codec.Decode(of[Wrapped](t), enc, &back, &lent); err != nil || err2 != nil || back != w {
		t.Errorf("an embedded item: %v, %v, %+v", err, err2, back)
	}
	in.More = make([]Item, codec.MaxLent)
	for i := range in.More {
		in.More[i] = Item{&a}
	}
	if _, err := codec.Append(ct, nil, &in, new(codec.Lent)); err == nil || !strings.Contains(err.Error(), "more than 8") {
		t.Errorf("nine items: %v", err)
	}
	if _, err := codec.Append(ct, nil, &in, nil); err == nil {
		t.Error("items with nothing to carry them passed")
	}
}

func TestValueThatContainsItself(t *testing.T) {
	loop := Tree{Value: 1}
	loop.Left = &loop
	var e *codec.LimitError
	if _, err := codec.Append(of[Tree](t), nil, &loop, nil); !errors.As(err, &e) || e.Limit != codec.MaxDepth {
		t.Errorf("Append: %v", err)
	}
	e = nil
	if _, err := codec.Size(of[Tree](t), &loop); !errors.As(err, &e) || e.Limit != codec.MaxDepth {
		t.Errorf("Size: %v", err)
	}
	var deep *Tree
	for range codec.MaxDepth - 1 {
		deep = &Tree{Left: deep}
	}
	same(t, Tree{Left: deep})
}

func TestAllocations(t *testing.T) {
	none := func(name string, want float64, f func()) {
		t.Helper()
		if got := testing.AllocsPerRun(100, f); got != want {
			t.Errorf("%s: %v allocations, want %v", name, got, want)
		}
	}
	buf := make([]byte, 0, 4096)
	ft, jt, rt, pt := of[Flat](t), of[Job](t), of[Rich](t), of[Parcel](t)
	pixels, rich, s := []uint32{1, 2}, richSample(), "s"
	none("flat", 0, func() {
		v := Flat{ID: uint64(len(buf))}
		b, _ := codec.Append(ft, buf, &v, nil)
		var got Flat
		codec.Decode(ft, b, &got, nil)
	})
	none("Append of a job", 0, func() {
		v := Job{1, "name", pixels}
		codec.Size(jt, &v)
		codec.Append(jt, buf, &v, nil)
	})
	enc, _ := codec.Append(jt, nil, &Job{1, "name", pixels}, nil)
	none("Decode of a job: its string and its slice", 2, func() {
		var got Job
		codec.Decode(jt, enc, &got, nil)
	})
	if !raceEnabled {
		none("Append of maps, times and pointers", 0, func() {
			codec.Size(rt, &rich)
			codec.Append(rt, buf, &rich, nil)
		})
	}
	none("a lent item there and back", 0, func() {
		v := Parcel{One: Item{&s}}
		var lent codec.Lent
		b, _ := codec.Append(pt, buf, &v, &lent)
		var got Parcel
		codec.Decode(pt, b, &got, &lent)
	})
}

// Slices whose memory comes from an allocation of bytes are aligned for their
// elements, at every size.
func TestAlignment(t *testing.T) {
	type wide struct {
		A uint64
		B uint8
	}
	for n := range 200 {
		a, b, c, d := make([]uint16, n), make([]uint32, n), make([]uint64, n), make([]wide, n)
		for i := range n {
			a[i], b[i], c[i], d[i] = uint16(i), uint32(i), uint64(i), wide{uint64(i), uint8(i)}
		}
		ga, gb, gc, gd := trip(t, a), trip(t, b), trip(t, c), trip(t, d)
		for _, s := range []reflect.Value{reflect.ValueOf(ga), reflect.ValueOf(gb), reflect.ValueOf(gc), reflect.ValueOf(gd)} {
			if s.Pointer()%uintptr(s.Type().Elem().Align()) != 0 {
				t.Fatalf("%d elements of %v at %#x", n, s.Type().Elem(), s.Pointer())
			}
		}
		if !reflect.DeepEqual(ga, a) || !reflect.DeepEqual(gb, b) || !reflect.DeepEqual(gc, c) || !reflect.DeepEqual(gd, d) {
			t.Fatalf("%d elements: %v %v %v %v", n, ga, gb, gc, gd)
		}
	}
}
