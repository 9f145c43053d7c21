package kernelq

import (
	"bytes"
	"testing"
)

// TestGolden binds the message format to bytes.
func TestGolden(t *testing.T) {
	m := append(make([]byte, HeaderBytes), "123456789"...)
	Seal(m, 0x0102030405060708)
	want := []byte{9, 0, 0, 0, 0x81, 0xeb, 0xb3, 0x86, 8, 7, 6, 5, 4, 3, 2, 1, '1', '2', '3', '4', '5', '6', '7', '8', '9'}
	if !bytes.Equal(m, want) {
		t.Errorf("% x", m)
	}
	page := append(m, 1, 2, 3) // what follows a record is of older ones
	seq, entry, ok := Taken(page)
	if !ok || seq != 0x0102030405060708 || string(entry) != "123456789" || cap(entry) != 9 {
		t.Errorf("%d %q %v", seq, entry, ok)
	}
}

func TestTakenNothing(t *testing.T) {
	for n := range 64 {
		if _, _, ok := Taken(make([]byte, n)); ok {
			t.Errorf("%d zero bytes are a record", n)
		}
	}
	m := append(make([]byte, HeaderBytes), "entry"...)
	Seal(m, 7)
	for i := range m {
		for bit := range 8 {
			m[i] ^= 1 << bit
			if seq, entry, ok := Taken(m); ok {
				t.Errorf("bit %d of byte %d flipped: %d %q", bit, i, seq, entry)
			}
			m[i] ^= 1 << bit
		}
	}
	for n := range len(m) {
		if _, _, ok := Taken(m[:n]); ok {
			t.Errorf("%d of %d bytes are a record", n, len(m))
		}
	}
}

// FuzzTaken: whatever the memory of a dead receiver holds, the entry is inside
// it and passes its own check, or there is none.
func FuzzTaken(f *testing.F) {
	m := append(make([]byte, HeaderBytes), "entry"...)
	Seal(m, 7)
	f.Add(m)
	f.Add(make([]byte, 512))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		seq, entry, ok := Taken(b)
		if !ok {
			return
		}
		again := append(make([]byte, HeaderBytes), entry...)
		Seal(again, seq)
		if !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("% x read as sequence %d of %d bytes", b, seq, len(entry))
		}
	})
}
