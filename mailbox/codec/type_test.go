package codec_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-go/understudy/mailbox/codec"
)

func of[T any](t testing.TB) *codec.Type {
	t.Helper()
	ct, err := codec.Of[T]()
	if err != nil {
		t.Fatal(err)
	}
	return ct
}

func TestOfIsCached(t *testing.T) {
	a, b := of[Job](t), of[Job](t)
	c, err := codec.For(reflect.TypeFor[Job]())
	if err != nil || a != b || a != c {
		t.Errorf("three calls gave %p %p %p, %v", a, b, c, err)
	}
	if n := testing.AllocsPerRun(100, func() { codec.Of[Job]() }); n != 0 {
		t.Errorf("Of allocates %v times", n)
	}
}

// Types are entered while others look them up.
func TestOfConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 200 {
				rt := reflect.ArrayOf(n+1, reflect.TypeFor[Point]())
				ct, err := codec.For(rt)
				if err != nil || ct.Size() != 8*(n+1) {
					t.Errorf("goroutine %d: [%d]Point: %v, %v", g, n+1, ct, err)
					return
				}
				if j, err := codec.Of[Job](); err != nil || j.Flat() {
					t.Errorf("Job: %v, %v", j, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := codec.LostKeys(); n != 0 {
		t.Errorf("%d types are not in the table", n)
	}
}

func TestProperties(t *testing.T) {
	for _, c := range []struct {
		t                   *codec.Type
		flat, custom, lends bool
		size                int
	}{
		{of[Flat](t), true, false, false, int(reflect.TypeFor[Flat]().Size())},
		{of[struct{}](t), true, false, false, 0},
		{of[Marker[int, string]](t), true, false, false, 0},
		{of[[0]func()](t), true, false, false, 0},
		{of[Job](t), false, false, false, 0},
		{of[Rich](t), false, false, false, 0},
		{of[Tree](t), false, false, false, 0},
		{of[Custom](t), false, true, false, 0},
		{of[Checked](t), false, true, false, 0},
		{of[*Checked](t), false, true, false, 0},
		{of[OneWay](t), true, false, false, 2},
		{of[Stamped](t), false, false, false, 0},
		{of[OwnStamp](t), false, true, false, 0},
		{of[Parcel](t), false, false, true, 0},
		{of[Wrapped](t), false, false, true, 0},
	} {
		if c.t.Flat() != c.flat || c.t.Custom() != c.custom || c.t.Lends() != c.lends || c.t.Size() != c.size {
			t.Errorf("%s: flat %v, custom %v, lends %v, size %d; want %v", c.t, c.t.Flat(), c.t.Custom(), c.t.Lends(), c.t.Size(), c)
		}
	}
}

type Bad struct {
	Fine  int
	Inner struct {
		Callback func()
		Items    []struct{ C chan int }
	}
	By    map[string]error
	Addr  uintptr
	Guard sync.Mutex
	P     *struct{ Raw atomic.Pointer[int] }
	None  [0]func() // legal: it has no value
}

func TestUnsupported(t *testing.T) {
	_, err := codec.Of[Bad]()
	var one *codec.UnsupportedError
	if !errors.As(err, &one) || !strings.HasSuffix(one.Type, "codec_test.Bad") {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"Bad.Inner.Callback: func cannot cross",
		"Bad.Inner.Items[].C: chan cannot cross",
		"Bad.By[value]: error cannot cross",
		"Bad.Addr: uintptr cannot cross",
		"Bad.Guard: sync.Mutex cannot cross",
		"Bad.P.Raw.v: unsafe.Pointer cannot cross",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 6 {
		t.Errorf("%d problems in\n%v", n, err)
	}
	if _, again := codec.Of[Bad](); again != err {
		t.Errorf("the second call failed with %v", again)
	}
	if _, err := codec.Of[chan int](); err == nil || !strings.Contains(err.Error(), "codec: chan int: chan cannot") {
		t.Errorf("chan int: %v", err)
	}
}

func TestStructureChanges(t *testing.T) {
	want, err := codec.For(before)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := codec.For(retagged); got.ID() != want.ID() {
		t.Errorf("a tag changed the identity: %s, %s", got.Describe(), want.Describe())
	}
	seen := map[uint32]string{want.ID().Structure(): "before"}
	for name, rt := range after {
		got, err := codec.For(rt)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID().Name() != want.ID().Name() {
			t.Errorf("%s: the name changed: %s, %s", name, got.Name(), want.Name())
		}
		if other := seen[got.ID().Structure()]; other != "" {
			t.Errorf("%s has the structure of %s: %s", name, other, got.Describe())
		}
		seen[got.ID().Structure()] = name
	}
	m := (&codec.MismatchError{Type: want, Got: want.ID() ^ 1}).Error()
	if !strings.Contains(m, want.Describe()) || !strings.Contains(m, fmt.Sprintf("%08x", want.ID().Structure()^1)) {
		t.Errorf("mismatch says %s", m)
	}
}

// The texts and numbers that messages carry must not change between versions.
func TestGoldenIdentity(t *testing.T) {
	const p = "github.com/understudy-go/understudy/mailbox/codec_test."
	for _, c := range []struct {
		t    *codec.Type
		name string
		text string
		id   codec.ID
	}{
		{of[int](t), "int", "int:64", 0x004b37272f0c05a3},
		{of[Celsius](t), p + "Celsius", p + "Celsius=float64", 0x3fc253c1068b4003},
		{of[Point](t), p + "Point", p + "Point{X int32; Y int32}", 0x01505bd3643e46ef},
		{of[map[string][]*Point](t), "map[string][]*" + p + "Point", "map[string][]*" + p + "Point{X int32; Y int32}", 0x657973ebdc45a454},
		{of[Tree](t), p + "Tree", p + "Tree{Value int:64; Left *" + p + "Tree; Right *" + p + "Tree; Kids []" + p + "Tree; By map[string]*" + p + "Tree}", 0xcac94c9784be25da},
		{of[Parcel](t), p + "Parcel", p + "Parcel{Label string; One " + p + "Item(lent); More []" + p + "Item}", 0x299464d6722bd534},
		{of[Stamped](t), p + "Stamped", p + "Stamped{Time time.Time(binary); Note string}", 0xb573f93942b7d675},
		{of[Marker[Point, string]](t), p + "Marker[" + p + "Point,string]", p + "Marker[" + p + "Point,string]", 0x6a1b66286a1b6628},
		{of[struct {
			A [2]struct{ B bool }
			C []struct{}
		}](t), "struct{A [2]struct{B bool}; C []struct{}}", "{A [2]{B bool}; C []struct{}}", 0x4163581a66f92ec2},
	} {
		if c.t.Name() != c.name || c.t.Describe() != c.text {
			t.Errorf("got  %s\n     %s\nwant %s\n     %s", c.t.Name(), c.t.Describe(), c.name, c.text)
		}
		if c.t.ID() != c.id {
			t.Errorf("%s has identity %#016x, want %#016x", c.name, uint64(c.t.ID()), uint64(c.id))
		}
	}
}

func TestWrongTypePanics(t *testing.T) {
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "Point") || !strings.Contains(r, "Job") {
			t.Errorf("panic says %s", r)
		}
	}()
	p := Point{}
	codec.Append(of[Job](t), nil, &p, nil)
	t.Error("no panic")
}
