package codec_test

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/mailbox/codec"
)

type Order struct {
	Number uint64
	Items  []string
	note   string // unexported fields travel too
}

// A value becomes bytes in a buffer of exactly its size, and a value again.
func Example() {
	t, err := codec.Of[Order]()
	if err != nil {
		fmt.Println(err)
		return
	}
	order := Order{42, []string{"tea", "milk"}, "no sugar"}
	n, _ := codec.Size(t, &order)
	buf, _ := codec.Append(t, make([]byte, 0, n), &order, nil)

	var got Order
	if err := codec.Decode(t, buf, &got, nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(n, "bytes:", got.Number, got.Items, got.note)
	// Output: 27 bytes: 42 [tea milk] no sugar
}

// A type that cannot travel is refused with the path of each field that is at
// fault.
func ExampleOf() {
	type Call struct {
		Name string
		Done chan bool
	}
	_, err := codec.Of[[]Call]()
	var u *codec.UnsupportedError
	if errors.As(err, &u) {
		fmt.Println(u.Path + ": " + u.Reason)
	}
	// Output: [].Done: chan cannot cross a process boundary: send a Ref of the actor that should receive instead
}

// The structure is what two builds must agree on.
func ExampleType_Describe() {
	t, _ := codec.Of[struct {
		ID   int
		Tags map[string][]float64
	}]()
	fmt.Println(t.Describe())
	// Output: {ID int:64; Tags map[string][]float64}
}

// Token is a capability that is handed over and not copied.
type Token struct{ secret *string }

func (t *Token) UnderstudyLend(out *codec.Lent) (uint32, error) { return out.Add(t.secret) }

func (t *Token) UnderstudyAccept(in *codec.Lent, index uint32) error {
	x, err := in.Get(index)
	if err == nil {
		t.secret = x.(*string)
	}
	return err
}

// What a message hands over stands in the Lent beside it; the bytes have its
// index only.
func ExampleLent() {
	t, _ := codec.Of[[]Token]()
	a, b := "a", "b"
	tokens := []Token{{&a}, {&b}}
	var beside codec.Lent
	buf, _ := codec.Append(t, nil, &tokens, &beside)
	fmt.Printf("% x and %d lent\n", buf, beside.N)

	var got []Token
	err := codec.Decode(t, buf, &got, &beside)
	fmt.Println(got[1].secret == &b, err)
	// Output:
	// 03 00 00 00 00 01 00 00 00 and 2 lent
	// true <nil>
}
