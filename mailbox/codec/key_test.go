package codec_test

import (
	"strings"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

type account struct {
	Owner string
	Rest  [64]byte
}

func (a account) RouteKey() uint64 { return codec.HashKey(a.Owner) }

type byPointer struct{ N uint64 }

func (p *byPointer) RouteKey() uint64 { return p.N }

// TestKeyOf: keys of values, without allocation, and none of what only a
// pointer could tell.
func TestKeyOf(t *testing.T) {
	typ, err := codec.Of[account]()
	if err != nil {
		t.Fatal(err)
	}
	owner := strings.Repeat("x", 40)
	if n := testing.AllocsPerRun(100, func() {
		a := account{Owner: owner}
		if k, ok := codec.KeyOf(typ, &a); !ok || k != codec.HashKey(owner) {
			t.Fatal(k, ok)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if other, err := codec.Of[byPointer](); err != nil {
		t.Fatal(err)
	} else if _, ok := codec.KeyOf(other, &byPointer{1}); ok {
		t.Error("a method of the pointer was taken")
	}
	// The published values of FNV-1a with 64 bits.
	for s, want := range map[string]uint64{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := codec.HashKey(s); got != want {
			t.Errorf("%q: %#x, want %#x", s, got, want)
		}
	}
}
