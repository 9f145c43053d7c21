package codec_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// Viewed has views in every place that a type can have one.
type Viewed struct {
	Before uint16
	V      codec.View
	Name   string
	Many   []codec.View
	By     map[string]codec.View
	P      *codec.View
	Arr    [2]codec.View
	In     []struct{ V codec.View }
	Raw    []byte
}

// all is every view of v, the last one is of its []byte.
func (v *Viewed) all() (all [][]byte) {
	all = append(all, v.V, *v.P, v.Arr[0], v.Arr[1], v.By["k"])
	for i := range v.Many {
		all = append(all, v.Many[i])
	}
	for i := range v.In {
		all = append(all, v.In[i].V)
	}
	return append(all, v.Raw)
}

func viewed() Viewed {
	return Viewed{
		Before: 7, V: []byte("the first"), Name: "n", Many: []codec.View{[]byte("a"), []byte("bc")},
		By: map[string]codec.View{"k": []byte("of a map")}, P: new(codec.View("behind a pointer")),
		Arr: [2]codec.View{[]byte("x"), []byte("y")}, In: []struct{ V codec.View }{{[]byte("in a struct")}}, Raw: []byte("bytes"),
	}
}

func TestView(t *testing.T) {
	ct := of[Viewed](t)
	if !ct.Views() || ct.Lends() || ct.Custom() || of[Rich](t).Views() {
		t.Fatal("it is not known which types have views")
	}
	want := viewed()
	src, err := codec.Append(ct, nil, &want, nil)
	if n, sizeErr := codec.Size(ct, &want); err != nil || sizeErr != nil || n != len(src) {
		t.Fatalf("Size is %d, %v; Append wrote %d, %v", n, sizeErr, len(src), err)
	}
	for _, in := range []*codec.Lent{nil, {}, {Views: true}} {
		var got Viewed
		if err := codec.Decode(ct, src, &got, in); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		all := got.all()
		for i, b := range all {
			lies := in != nil && in.Views && i < len(all)-1
			if within(b, src) != lies {
				t.Errorf("%q with %+v points into the bytes: %v; want %v", b, in, !lies, lies)
			}
			if lies && cap(b) != len(b) {
				t.Errorf("%q has room for %d more bytes, which belong to the next field", b, cap(b)-len(b))
			}
		}
	}
}

func within(b, src []byte) bool {
	at, from := reflect.ValueOf(b).Pointer(), reflect.ValueOf(src).Pointer()
	return at >= from && at < from+uintptr(len(src))
}

// A view is nil or empty as it was sent, and an empty one points nowhere.
func TestViewEmpty(t *testing.T) {
	ct := of[[]codec.View](t)
	src, err := codec.Append(ct, nil, &[]codec.View{nil, {}, {1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []codec.View
	if err := codec.Decode(ct, src, &got, &codec.Lent{Views: true}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0] != nil || got[1] == nil || len(got[1]) != 0 || !bytes.Equal(got[2], []byte{1}) {
		t.Errorf("got %#v", got)
	}
	if within(got[1], src) {
		t.Error("an empty view points into the bytes")
	}
}

// Which of the two a field is makes no difference to the other side.
func TestViewIsBytes(t *testing.T) {
	a, b := of[struct {
		A int
		V codec.View
	}](t), of[struct {
		A int
		V []byte
	}](t)
	if a.ID() != b.ID() {
		t.Errorf("%s is another message than %s", a.Describe(), b.Describe())
	}
}

// Bytes that are too few are refused, whether they would be copied or not.
func TestViewRefused(t *testing.T) {
	ct := of[struct {
		V codec.View
		N uint8
	}](t)
	for _, src := range [][]byte{nil, {1}, {5, 1, 2, 3}, {3, 1, 2}, {0xff, 0xff, 0xff, 0xff, 0x7f}, {2, 1, 9, 9}} {
		var v struct {
			V codec.View
			N uint8
		}
		if err := codec.Decode(ct, src, &v, &codec.Lent{Views: true}); err == nil || v.V != nil {
			t.Errorf("% x was accepted: %v, %+v", src, err, v)
		}
	}
	reencode := func(src []byte) {
		lent := codec.Lent{Views: true}
		var v Viewed
		ct := of[Viewed](t)
		if codec.Decode(ct, src, &v, &lent) != nil {
			return
		}
		if n, err := codec.Size(ct, &v); err != nil || n != len(src) {
			t.Errorf("% x is a value of %d bytes, %v", src, n, err)
		}
	}
	v := viewed()
	src, _ := codec.Append(of[Viewed](t), nil, &v, nil)
	for i := range src {
		for _, x := range []byte{0, 1, 2, 0x7f, 0x80, 0xff} {
			hostile := bytes.Clone(src)
			hostile[i] = x
			reencode(hostile)
			reencode(hostile[:i])
		}
	}
}
