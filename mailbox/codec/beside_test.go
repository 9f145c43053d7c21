package codec_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

// token is handed over beside a message.
type token struct{ ID uint32 }

func (k *token) UnderstudyLend(out *codec.Lent) (uint32, error) { return out.Add(k) }

func (k *token) UnderstudyAccept(in *codec.Lent, index uint32) error {
	v, err := in.Get(index)
	if err == nil {
		*k = *v.(*token)
	}
	return err
}

type (
	onlyToken   struct{ T token }
	framedToken struct {
		A uint64
		B struct{ C, D uint16 }
		T token
		E [5]byte
		F uint32
	}
	twoTokens  struct{ T, U token }
	namedToken struct {
		Name string
		T    token
	}
	markedToken struct {
		Yes bool
		T   token
	}
	manyTokens struct{ T []token }
	wideToken  struct {
		T    token
		Rest [300]byte
	}
)

// TestBeside: a type has the short way only if all that is in it is copied but
// for one thing; and then its bytes are those of the long one.
func TestBeside(t *testing.T) {
	for _, v := range []any{onlyToken{}, framedToken{}} {
		if typ, err := codec.For(reflect.TypeOf(v)); err != nil || typ.Beside() == 0 {
			t.Errorf("%T has no short way, %v", v, err)
		}
	}
	for _, v := range []any{twoTokens{}, namedToken{}, markedToken{}, manyTokens{}, wideToken{}, struct{ A int32 }{}} {
		if typ, err := codec.For(reflect.TypeOf(v)); err != nil || typ.Beside() != 0 {
			t.Errorf("%T has a short way, %v", v, err)
		}
	}

	typ, err := codec.Of[framedToken]()
	if err != nil {
		t.Fatal(err)
	}
	v := framedToken{A: 1 << 60, T: token{7}, E: [5]byte{1, 2, 3, 4, 5}, F: 1 << 31}
	v.B.C, v.B.D = 3, 4
	var out codec.Lent
	long, err := codec.Append(typ, nil, &v, &out)
	if err != nil {
		t.Fatal(err)
	}
	short := make([]byte, typ.Beside())
	if k, ok := codec.AppendBeside(typ, short, &v).(*token); !ok || k != &v.T {
		t.Errorf("handed over: %v", k)
	}
	if !bytes.Equal(long, short) {
		t.Errorf("the short way writes %x, the long one %x", short, long)
	}
	var got framedToken
	k, ok := codec.DecodeBeside(typ, short, &got).(*token)
	if !ok {
		t.Fatal("not decoded")
	}
	*k = v.T
	if got != v {
		t.Errorf("got %+v, want %+v", got, v)
	}
	short[len(short)-len(v.E)-4-4] = 1 // another index
	if codec.DecodeBeside(typ, short, &got) != nil || codec.DecodeBeside(typ, short[1:], &got) != nil {
		t.Error("an index that is not 0, or another length, was decoded")
	}
}
