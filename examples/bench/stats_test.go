package main

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

func TestPercentiles(t *testing.T) {
	if a, b := percentiles(nil); a != 0 || b != 0 {
		t.Error(a, b)
	}
	if a, b := percentiles([]uint32{7}); a != 7 || b != 7 {
		t.Error(a, b)
	}
	hundred := make([]uint32, 100)
	for i, v := range rand.Perm(100) {
		hundred[i] = uint32(v)
	}
	if a, b := percentiles(hundred); a != 50 || b != 99 {
		t.Error(a, b)
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		v    []float64
		want spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{1, 2.5, 4}},
		{[]float64{9, 1, 2}, spread{1, 2, 9}},
	} {
		if got := spreadOf(test.v); got != test.want {
			t.Errorf("%v: %v, want %v", test.v, got, test.want)
		}
	}
	v := []float64{9, 1, 2}
	if spreadOf(v); v[0] != 9 {
		t.Error("the figures were sorted in place")
	}
}

func TestTogether(t *testing.T) {
	r := together([]Result{
		{Work: "fanin", N: 100, Ops: 101, Mallocs: 1, Rate: 50, Start: 2e9, End: 4e9},
		{Work: "fanin", N: 200, Ops: 202, Mallocs: 2, Rate: 150, Start: 1e9, End: 3e9},
	})
	if r.N != 300 || r.Ops != 303 || r.Mallocs != 3 || r.Rate != 100 || r.Slowest != 0.5 {
		t.Errorf("%+v", r)
	}
}

func TestLedger(t *testing.T) {
	panics := func(f func()) (yes bool) {
		defer func() { yes = recover() != nil }()
		f()
		return
	}
	page := func(h Head) []byte {
		b := make([]byte, 2*pageSize)
		h.Size = uint32(len(b))
		stamp(b, h, true)
		return b
	}
	l := &ledger{}
	l.take(Head{Op: opReset, From: 3, Seq: 5})
	l.takeBytes(page(Head{From: 3, Seq: 5}), true)
	l.take(Head{Op: opEcho, From: 3, Seq: 99})
	l.takeOrder(Head{Op: opAck, From: 3, Seq: 6}, orderName, orderParts)
	bad := page(Head{From: 3, Seq: 7})
	bad[pageSize]++
	for name, f := range map[string]func(l ledger){
		"lost":       func(l ledger) { l.take(Head{From: 3, Seq: 8}) },
		"twice":      func(l ledger) { l.take(Head{From: 3, Seq: 6}) },
		"cut":        func(l ledger) { l.takeBytes(page(Head{From: 3, Seq: 7})[:pageSize], true) },
		"wrong page": func(l ledger) { l.takeBytes(bad, true) },
		"wrong name": func(l ledger) { l.takeOrder(Head{From: 3, Seq: 7}, "nuts", orderParts) },
	} {
		if !panics(func() { f(*l) }) {
			t.Errorf("%s: nothing was noticed", name)
		}
	}
}

// TestReadAll: of a payload that is to be read, each line is looked at; of others none
// but the first of each page.
func TestReadAll(t *testing.T) {
	const size = 2 * pageSize
	for op, want := range map[uint16]uint64{opData: 0, opRead: size/lineSize - 2} {
		b := make([]byte, size)
		stamp(b, Head{Op: op, Size: size}, true)
		for i := 0; i < size; i += lineSize {
			if i%pageSize > 0 {
				b[i] = 1
			}
		}
		var l ledger
		if l.takeBytes(b, true); l.sum != want {
			t.Errorf("op %d: %d lines were read, want %d", op, l.sum, want)
		}
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		ns(375): "375 ns", ns(64.24): "64.2 ns", ns(9_297): "9.30 µs", ns(9_999): "10.0 µs", ns(12_345): "12.3 µs", ns(412_000): "412 µs",
		ns(999_700): "1.00 ms", ns(2_500_000): "2.50 ms", ns(3e9): "3.00 s",
		perSecondText(16_512_345): "16.5 M", perSecondText(59_200): "59.2 k", perSecondText(12): "12.0",
		thousands(7): "7", thousands(1234567): "1,234,567",
		decimals(1.5): "1.50", decimals(17.22): "17.2", decimals(99.96): "100", decimals(412.7): "413", fine(0.00123): "0.00123", decimal(0.01): "0.01", decimal(100): "100",
		axisTime(100): "100 ns", axisTime(1e4): "10 µs", axisTime(1e6): "1 ms",
		sizeName(64): "64 B", sizeName(64 << 10): "64 KiB", sizeName(16 << 20): "16 MiB",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMachine(t *testing.T) {
	if s, all := stolen("cpu  10 20 30 40 50 60 70 80 90 0\ncpu0 1 2\n"); s != 80 || all != 450 {
		t.Error(s, all)
	}
	if got := modelName("processor\t: 0\nmodel name\t: Fast One\n"); got != "Fast One" {
		t.Error(got)
	}
}

// TestDistance: a line takes more than an instruction, and less than a switch of
// processes; nobody can say on one processor, or on one that is shared.
func TestDistance(t *testing.T) {
	for range 5 {
		if d := distance(); d != 0 && (d < 5 || d > 1_000_000) {
			t.Errorf("%v ns", d)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if d := distance(); d != 0 {
		t.Errorf("%v ns on one processor", d)
	}
	m := machine{Distances: []float64{200, 130, 50}}
	if s := m.String(); !strings.Contains(s, "and back: 130 ns (50.0 ns - 200 ns)") {
		t.Error(s)
	}
}
