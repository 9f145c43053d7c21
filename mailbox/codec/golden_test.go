package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// golden is one example of the format: the bytes, as they stand in doc.go.
// Numbers in them are those of a little-endian machine.
type golden struct {
	what string
	hex  string
	enc  func(t *testing.T) []byte
}

func encode[T any](v T) func(t *testing.T) []byte {
	return func(t *testing.T) []byte {
		var lent codec.Lent
		b, err := codec.Append(of[T](t), nil, &v, &lent)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

type greeting struct {
	Marker[Point, string]
	Text string
	PID  int32
	Ok   bool
	Pad  int16
}

var goldens = []golden{
	{`Point{1, -1}`, "01 00 00 00 ff ff ff ff", encode(Point{1, -1})},
	{`struct{A, B uint8}{1, 2}`, "01 02", encode(struct{ A, B uint8 }{1, 2})},
	{`greeting{"hi", 7, true, 2}`, "02 68 69 07 00 00 00 01 02 00", encode(greeting{Text: "hi", PID: 7, Ok: true, Pad: 2})},
	{`""`, "00", encode("")},
	{`[]byte(nil)`, "00", encode([]byte(nil))},
	{`[]byte{}`, "01", encode([]byte{})},
	{`[]uint16{1, 2}`, "03 01 00 02 00", encode([]uint16{1, 2})},
	{`[]string{"a", ""}`, "03 01 61 00", encode([]string{"a", ""})},
	{`[2]string{"a", "b"}`, "01 61 01 62", encode([2]string{"a", "b"})},
	{`map[string]int8{"k": 5}`, "02 01 6b 05", encode(map[string]int8{"k": 5})},
	{`map[string]int8(nil)`, "00", encode(map[string]int8(nil))},
	{`(*uint8)(nil)`, "00", encode((*uint8)(nil))},
	{`pointer to uint8(9)`, "01 09", encode(new(uint8(9)))},
	{`time.Unix(0, 0).UTC()`, "0f 01 00 00 00 0e 77 91 f7 00 00 00 00 00 ff ff", encode(time.Unix(0, 0).UTC())},
	{`Key{"k"}`, "02 00 00 00 3c 6b", encode(Key{"k"})},
	{`Item, the first one lent`, "00 00 00 00", encode(Item{new("x")})},
	{`[]struct{}{{}, {}}`, "03", encode(make([]struct{}, 2))},
	{`strings.Repeat("x", 300)`, "ac 02" + strings.Repeat(" 78", 300), encode(strings.Repeat("x", 300))},
}

// A flat value has its padding, and a struct that is not flat has none.
func TestPadding(t *testing.T) {
	type padded struct {
		A uint8
		B uint32
	}
	if n := len(encode(padded{})(t)); n != 8 {
		t.Errorf("a flat value of 8 bytes takes %d", n)
	}
	type mixed struct {
		A uint8
		B uint32
		S string
	}
	if n := len(encode(mixed{})(t)); n != 6 {
		t.Errorf("fields of 1 and 4 bytes and an empty string take %d", n)
	}
}

func TestGoldenBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the examples are those of a little-endian machine")
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		want, err := hex.DecodeString(strings.ReplaceAll(g.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := g.enc(t); !bytes.Equal(got, want) {
			t.Errorf("%s is % x, want %s", g.what, got, g.hex)
		}
		if len(g.hex) < 60 && !documented(string(doc), g.what, g.hex) {
			t.Errorf("doc.go does not show %s as %s", g.what, g.hex)
		}
	}
}

// documented says whether one line of doc has both the value and its bytes.
func documented(doc, what, hex string) bool {
	for line := range strings.Lines(doc) {
		if at := strings.Index(line, what); at >= 0 && strings.TrimSpace(line[at+len(what):]) == hex {
			return true
		}
	}
	return false
}
