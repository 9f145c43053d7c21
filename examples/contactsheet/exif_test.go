package main

import (
	"strings"
	"testing"
)

func TestEXIFOrientation(t *testing.T) {
	const (
		soi  = "\xff\xd8"
		jfif = "\xff\xe0\x00\x07JFIF\x00"
		sos  = "\xff\xda\x00\x02"
	)
	exif := string(exifSegment(8))
	little := "\xff\xe1\x00\x22Exif\x00\x00II*\x00\x08\x00\x00\x00" +
		"\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
	second := "\xff\xe1\x00\x2eExif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02" +
		"\x01\x0f\x00\x02\x00\x00\x00\x04abc\x00" + "\x01\x12\x00\x03\x00\x00\x00\x01\x00\x05\x00\x00" + "\x00\x00\x00\x00"
	for _, c := range []struct {
		name, data string
		want       orientation
	}{
		{"no file", "", 1},
		{"only the start", soi, 1},
		{"no segment with it", soi + jfif + sos, 1},
		{"first segment", soi + exif, 8},
		{"after another", soi + jfif + exif + sos, 8},
		{"after padding", soi + "\xff\xff" + exif[1:], 8},
		{"little end first", soi + little, 6},
		{"second entry", soi + second, 5},
		{"after the scan began", soi + sos + exif, 1},
		{"out of range", soi + strings.Replace(exif, "\x01\x00\x08", "\x01\x00\x09", 1), 1},
		{"zero", soi + strings.Replace(exif, "\x01\x00\x08", "\x01\x00\x00", 1), 1},
		{"not a short", soi + strings.Replace(exif, "\x12\x00\x03", "\x12\x00\x04", 1), 1},
		{"neither end first", soi + strings.Replace(exif, "MM", "XX", 1), 1},
		{"directory beyond the end", soi + strings.Replace(exif, "*\x00\x00\x00\x08", "*\xff\xff\xff\xff", 1), 1},
		{"directory at the last byte", soi + strings.Replace(exif, "*\x00\x00\x00\x08", "*\x00\x00\x00\x19", 1), 1},
		{"directory at the end", soi + strings.Replace(exif, "*\x00\x00\x00\x08", "*\x00\x00\x00\x1a", 1), 1},
		{"segment cut off", soi + exif[:30], 1},
		{"segment of length 0", soi + "\xff\xe1\x00\x00" + exif, 1},
		{"not a JPEG", "\x89PNG\r\n\x1a\n" + exif, 1},
	} {
		if got := exifOrientation([]byte(c.data)); got != c.want {
			t.Errorf("%s: orientation %d, want %d", c.name, got, c.want)
		}
	}
}

// TestPlaceIsOneToOne checks that each turn fills the turned picture, every
// pixel once.
func TestPlaceIsOneToOne(t *testing.T) {
	const w, h = 5, 3
	for o := orientation(0); o <= 9; o++ {
		tw, th := w, h
		if o.swaps() {
			tw, th = h, w
		}
		seen := map[[2]int]bool{}
		for y := range h {
			for x := range w {
				tx, ty := o.place(x, y, w, h)
				if tx < 0 || ty < 0 || tx >= tw || ty >= th || seen[[2]int{tx, ty}] {
					t.Fatalf("orientation %d puts %d,%d at %d,%d: outside %dx%d, or for the second time", o, x, y, tx, ty, tw, th)
				}
				seen[[2]int{tx, ty}] = true
			}
		}
	}
}

func FuzzEXIFOrientation(f *testing.F) {
	f.Add([]byte("\xff\xd8" + string(exifSegment(6))))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xd8\xff\xff\xff\xff\xe1\x00\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		if o := exifOrientation(data); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
		if string(data) != before {
			t.Error("the file was changed")
		}
	})
}
