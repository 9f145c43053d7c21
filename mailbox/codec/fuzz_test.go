package codec_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox/codec"
)

// decodeAny decodes hostile bytes. What is accepted must be exactly what
// Append writes for the value; maps have many encodings of one length.
func decodeAny[T any](t *testing.T, src []byte, canonical bool) {
	ct := of[T](t)
	lent := codec.Lent{N: 1}
	lent.Item[0] = new("lent")
	var v T
	if err := codec.Decode(ct, src, &v, &lent); err != nil {
		if !reflect.ValueOf(&v).Elem().IsZero() {
			t.Errorf("%s: %v left %+v", ct, err, v)
		}
		return
	}
	if !canonical {
		n, err := codec.Size(ct, &v)
		if err != codec.ErrSizeUnknown && (err != nil || n != len(src)) {
			t.Errorf("%s: Size is %d, %v; decoded from %d", ct, n, err, len(src))
		}
		return
	}
	if b, err := codec.Append(ct, nil, &v, nil); err != nil || !bytes.Equal(b, src) {
		t.Errorf("%s: % x became % x, %v", ct, src, b, err)
	}
}

func FuzzDecode(f *testing.F) {
	rich, j := richSample(), job()
	add := func(b []byte, err error) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(codec.Append(of[Rich](f), nil, &rich, nil))
	add(codec.Append(of[Job](f), nil, &j, nil))
	add(codec.Append(of[Custom](f), nil, &Custom{By: map[Key]int8{{"k"}: 1}, All: []Checked{{2}}}, nil))
	add(codec.Append(of[Tree](f), nil, &Tree{Left: &Tree{}, Kids: []Tree{{}}}, nil))
	add(codec.Append(of[Parcel](f), nil, &Parcel{More: make([]Item, 2)}, nil))
	add(modelAppend(nil, reflect.ValueOf(Model{Kids: []Model{{}}})), nil)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, src []byte) {
		decodeAny[Flat](t, src, true)
		decodeAny[Job](t, src, true)
		decodeAny[[]Flat](t, src, true)
		decodeAny[[][]string](t, src, true)
		decodeAny[**[2]string](t, src, true)
		decodeAny[Rich](t, src, false)
		decodeAny[Tree](t, src, false)
		decodeAny[Custom](t, src, false)
		decodeAny[Parcel](t, src, false)
		decodeAny[Model](t, src, false)
		decodeAny[map[string]map[int8]*Point](t, src, false)
	})
}

// roundTrip compares the codec with the model, byte for byte, and back.
func roundTrip(t *testing.T, src []byte) {
	t.Helper()
	var v, got Model
	f := filler{src}
	f.fill(reflect.ValueOf(&v).Elem())
	ct := of[Model](t)
	b, err := codec.Append(ct, nil, &v, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := modelAppend(nil, reflect.ValueOf(v)); !bytes.Equal(b, want) {
		t.Fatalf("%+v\nis   % x\nwant % x", v, b, want)
	}
	if n, err := codec.Size(ct, &v); err != nil || n != len(b) {
		t.Fatalf("Size is %d, %v; Append wrote %d", n, err, len(b))
	}
	if err := codec.Decode(ct, b, &got, nil); err != nil || !reflect.DeepEqual(got, v) {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, v)
	}
	for i := range min(len(b), 300) {
		if err := codec.Decode(ct, b[:i], &got, nil); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted: % x", i, len(b), b)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("some bytes to make a value from, more than a few of them"))
	f.Fuzz(roundTrip)
}

// The fuzz target, with many seeds, in every test run.
func TestRoundTripAgainstModel(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	for n := range testutil.Rounds(700, 100_000) {
		src := make([]byte, n*11%700)
		r.Read(src)
		roundTrip(t, src)
	}
}
