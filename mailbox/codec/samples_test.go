package codec_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"net/url"
	"time"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// The types that the tests of this package share.
type (
	Marker[P, R any] struct{} // like the markers of protocols

	Point struct{ X, Y int32 }

	Flat struct {
		Marker[Point, string]
		ID    uint64
		On    bool
		Small int16
		At    [3]Point
		Flags [2]struct {
			A bool
			N uint32
		}
		F  float64
		C  complex64
		Ok bool
	}

	// Job has a string and a slice, as most messages.
	Job struct {
		ID     uint64
		Name   string
		Pixels []uint32
	}

	Tree struct {
		Value       int
		Left, Right *Tree
		Kids        []Tree
		By          map[string]*Tree
	}

	Celsius float64

	Rich struct {
		Marker[Point, string]
		A      uint8
		b      int64 // unexported fields travel too
		S      string
		Names  []string
		Nested [][]string
		Points []Point
		Flags  []bool
		Temps  map[Celsius]string
		ByName map[string][]Point
		When   time.Time
		Maybe  *string
		Deep   **int32
		Arr    [2]string
		Inner  struct {
			On bool
			T  []time.Time
		}
		Empty []struct{}
		Raw   []byte
	}

	// Custom has types with marshalers.
	Custom struct {
		N    int
		Addr netip.Addr
		Link *url.URL
		Sum  Checked
		All  []Checked
		By   map[Key]int8
	}

	// Checked has a marshaler on the pointer, and no appender.
	Checked struct{ n uint32 }

	// Key has an appender on the value.
	Key struct{ S string }

	// Keeper keeps the bytes that it is given.
	Keeper struct{ b []byte }

	// OneWay can be written only: its structure travels.
	OneWay struct{ N uint16 }

	// Stamped embeds a type with marshalers: both fields travel.
	Stamped struct {
		time.Time
		Note string
	}

	// OwnStamp embeds one too, and has marshalers of its own.
	OwnStamp struct {
		time.Time
		Note string
	}

	// Item is lent: what it stands for is handed over.
	Item struct{ p *string }

	Parcel struct {
		Label string
		One   Item
		More  []Item
	}

	// Wrapped embeds a lent type.
	Wrapped struct {
		Item
		Note string
	}
)

var errOdd = errors.New("odd")

func (c *Checked) MarshalBinary() ([]byte, error) {
	if c.n%2 == 1 {
		return nil, errOdd
	}
	return binary.BigEndian.AppendUint32(nil, c.n), nil
}

func (c *Checked) UnmarshalBinary(b []byte) error {
	if len(b) != 4 {
		return errors.New("not four bytes")
	}
	c.n = binary.BigEndian.Uint32(b)
	return nil
}

func (k Key) AppendBinary(b []byte) ([]byte, error) { return append(append(b, '<'), k.S...), nil }

func (k *Key) UnmarshalBinary(b []byte) error {
	if len(b) < 1 || b[0] != '<' {
		return errors.New("no <")
	}
	k.S = string(b[1:])
	return nil
}

func (k Keeper) MarshalBinary() ([]byte, error) { return k.b, nil }

func (k *Keeper) UnmarshalBinary(b []byte) error { k.b = b; return nil }

func (OneWay) MarshalBinary() ([]byte, error) { panic("called") }

func (o OwnStamp) MarshalBinary() ([]byte, error) { return []byte(o.Note), nil }

func (o *OwnStamp) UnmarshalBinary(b []byte) error { o.Note = string(b); return nil }

func (i *Item) UnderstudyLend(out *codec.Lent) (uint32, error) {
	if i.p == nil {
		return 1<<32 - 1, nil
	}
	return out.Add(i.p)
}

func (i *Item) UnderstudyAccept(in *codec.Lent, index uint32) error {
	if index == 1<<32-1 {
		i.p = nil
		return nil
	}
	x, err := in.Get(index)
	if err != nil {
		return err
	}
	i.p = x.(*string)
	return nil
}

func richSample() Rich {
	r := Rich{
		A: 200, b: -5, S: "héllo", Names: []string{"", "a", "bc"},
		Nested: [][]string{nil, {}, {"x"}},
		Points: []Point{{1, 2}, {-3, 4}},
		Flags:  []bool{true, false, true},
		Temps:  map[Celsius]string{36.6: "fine", 41: "hot"},
		ByName: map[string][]Point{"n": nil, "e": {}, "p": {{9, 9}}},
		When:   time.Date(2026, 11, 24, 12, 0, 0, 7, time.UTC),
		Maybe:  new("yes"), Deep: new(new(int32(-7))),
		Arr: [2]string{"l", "r"}, Empty: make([]struct{}, 3), Raw: []byte{1, 2, 3},
	}
	r.Inner.On = true
	r.Inner.T = []time.Time{time.Unix(1, 2).UTC(), {}}
	return r
}
