package codec_test

import (
	"bytes"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

type hasty struct{ N int }

func (hasty) UnderstudyUrgent() {}

// TestPlainRoom: only what is Plain has a room below every limit.
func TestPlainRoom(t *testing.T) {
	type plain struct {
		A int64
		B [3]byte
	}
	if typ, err := codec.Of[plain](); err != nil || typ.Room() != typ.Size() || typ.Room() != 16 {
		t.Errorf("%v: room %d, size %d, %v", typ, typ.Room(), typ.Size(), err)
	}
	for _, v := range []any{new(hasty), new(string), new([]byte)} {
		if typ, err := codec.OfPointer(v); err != nil || typ.Room() <= 1<<30 {
			t.Errorf("%v: room %d, %v", typ, typ.Room(), err)
		}
	}
}

// TestPut: all that was put is there, and nothing beside it has changed.
func TestPut(t *testing.T) {
	src := make([]byte, 300)
	for i := range src {
		src[i] = byte(i%251 + 1)
	}
	for n := range len(src) {
		for _, at := range []int{0, 12, 13} {
			dst := make([]byte, at+n+20)
			codec.Put(dst[:at+n], at, src[:n])
			want := append(append(make([]byte, at), src[:n]...), make([]byte, 20)...)
			if !bytes.Equal(dst, want) {
				t.Fatalf("%d bytes at %d: got %v", n, at, dst)
			}
		}
	}
}
