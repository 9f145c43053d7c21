package codec_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox/codec"
)

// row has copies around what has a length, of every size that is copied in its
// own way.
type row struct {
	A  uint8
	S  string
	B  uint16
	W  []uint16
	C  uint32
	On bool
	T  string
	D  [3]uint64
	E  uint64
	F  [300]byte
	G  []byte
}

type rows struct {
	Head uint32
	All  []row
	Mid  uint64
	More []string
	Tail uint16
}

// inRooms appends v with every capacity up to its size, or near it,, and looks at the bytes
// and at those behind the room.
func inRooms[T any](t *testing.T, v T) {
	t.Helper()
	ct := of[T](t)
	want := modelAppend([]byte("abc"), reflect.ValueOf(v))
	n, err := codec.Size(ct, &v)
	if err != nil || n != len(want)-3 {
		t.Fatalf("Size is %d, %v, want %d", n, err, len(want)-3)
	}
	buf := make([]byte, len(want)+64)
	from := 3
	if len(want) > 1200 {
		from = len(want) - 20
	}
	for room := from; room < len(want)+20; room++ {
		for i := range buf {
			buf[i] = 0xee
		}
		got, err := codec.Append(ct, append(buf[:0:room], "abc"...), &v, nil)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("in %d of %d bytes: %v,\n% x, want\n% x", room, len(want), err, got, want)
		}
		if (room >= len(want)) != (&got[0] == &buf[0]) {
			t.Fatalf("in %d of %d bytes: elsewhere is %t", room, len(want), &got[0] != &buf[0])
		}
		if !bytes.Equal(buf[room:], bytes.Repeat([]byte{0xee}, len(buf)-room)) {
			t.Fatalf("in %d of %d bytes: written behind them: % x", room, len(want), buf[room:])
		}
	}
	var got T
	if err := codec.Decode(ct, want[3:], &got, nil); err != nil || !reflect.DeepEqual(got, v) {
		t.Fatalf("%v, %+v, want %+v", err, got, v)
	}
}

// Room is looked at once for several fields: whatever there is of it, nothing
// is written behind it, and it is left only if it is too small.
func TestRoom(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	one := row{A: 1, S: "s", B: 2, W: []uint16{3}, C: 4, On: true, T: text(20), D: [3]uint64{5}, E: 6, G: []byte{}}
	inRooms(t, one)
	inRooms(t, rows{Head: 1, All: []row{one, {}, one}, Mid: 2, More: []string{"a", "", text(130)}, Tail: 3})
	inRooms(t, rows{All: []row{}, More: []string{}})
	inRooms(t, rows{})
	inRooms(t, [][]row{nil, {}, {one}})
	inRooms(t, job())
	// Where the way of copying, or the size of the length, changes.
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 126, 127, 128, 129, 255, 256, 257, 4000, 1 << 14, 1<<14 + 1} {
		inRooms(t, row{S: text(n)})
		inRooms(t, row{G: []byte(text(n))})
		inRooms(t, row{W: make([]uint16, n)})
		inRooms(t, rows{More: make([]string, n)})
	}
	inRooms(t, rows{All: make([]row, 126)})
	inRooms(t, rows{All: make([]row, 127)})
}

// The same against the model, with many values.
func TestRoomAgainstModel(t *testing.T) {
	r := rand.NewChaCha8([32]byte{2})
	for n := range testutil.Rounds(20, 3000) {
		src := make([]byte, n*13%400)
		r.Read(src)
		var v Model
		f := filler{src}
		f.fill(reflect.ValueOf(&v).Elem())
		inRooms(t, v)
	}
}

// Entries of a map are read where they are, or copied where a version of Go
// does not tell where that is.
func TestMapsByCopies(t *testing.T) {
	if !codec.ReadsMapsInPlace() {
		t.Error("this version of Go hides where an iterator points to: maps are slower than they could be")
	}
	defer codec.CopyMaps()()
	twins(t, tally())
	inRooms(t, map[string][]string{"k": {"a", "b"}})
	inRooms(t, map[[2]int64]*int8{{1, 2}: nil})
	r := rand.NewChaCha8([32]byte{3})
	for range testutil.Rounds(50, 1000) {
		src := make([]byte, 500)
		r.Read(src)
		roundTrip(t, src)
	}
}
