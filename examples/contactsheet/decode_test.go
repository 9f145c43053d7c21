package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
)

// quarters is a picture with a different colour in each quarter.
func quarters(w, h int) *image.NRGBA {
	return paint(w, h, func(x, y, w, h int) color.NRGBA {
		return [4]color.NRGBA{rgb(0xff0000), rgb(0x00ff00), rgb(0x0000ff), rgb(0xffff00)}[2*(2*y/h)+2*x/w]
	})
}

// near says whether two channels differ by no more than JPEG and a palette may
// change them.
func near(a, b uint8) bool { return max(a, b)-min(a, b) <= 12 }

func pixel(pix []byte, width, x, y int) color.RGBA {
	p := pix[4*(y*width+x):]
	return color.RGBA{p[0], p[1], p[2], p[3]}
}

func checkPixel(t *testing.T, what string, got color.RGBA, want color.NRGBA) {
	t.Helper()
	if !near(got.R, want.R) || !near(got.G, want.G) || !near(got.B, want.B) || got.A != want.A {
		t.Errorf("%s is %v, want about %v", what, got, want)
	}
}

func TestDecodeFormats(t *testing.T) {
	img := quarters(800, 400)
	files := map[string]func(io.Writer) error{
		"JPEG": func(w io.Writer) error { return jpeg.Encode(w, img, &jpeg.Options{Quality: 95}) },
		"PNG":  func(w io.Writer) error { return png.Encode(w, img) },
		"GIF":  func(w io.Writer) error { return gif.Encode(w, img, nil) },
	}
	for format, encode := range files {
		t.Run(format, func(t *testing.T) {
			var b bytes.Buffer
			if err := encode(&b); err != nil {
				t.Fatal(err)
			}
			dst := make([]byte, tileBytes)
			p, err := decodeInto(dst, b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if want := (picture{200, 100, 800, 400, format}); p != want {
				t.Errorf("picture is %v, want %v", p, want)
			}
			for i, want := range []uint32{0xff0000, 0x00ff00, 0x0000ff, 0xffff00} {
				x, y := 50+i%2*100, 25+i/2*50
				checkPixel(t, fmt.Sprintf("quarter %d", i), pixel(dst, p.Width, x, y), rgb(want))
			}
			again := make([]byte, tileBytes)
			if _, err := decodeInto(again, b.Bytes()); err != nil || !bytes.Equal(dst, again) {
				t.Errorf("the second time gives other pixels (error %v)", err)
			}
		})
	}
}

// TestDecodeOrientation decodes a picture with each of the eight turns. Each
// turn is stated by where it puts the upper left and the upper right quarter.
func TestDecodeOrientation(t *testing.T) {
	const red, green, blue, yellow = 0xff0000, 0x00ff00, 0x0000ff, 0xffff00
	want := [9][2]uint32{1: {red, green}, 2: {green, red}, 3: {yellow, blue}, 4: {blue, yellow},
		5: {red, blue}, 6: {blue, red}, 7: {yellow, green}, 8: {green, yellow}}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, quarters(800, 400), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	for o := orientation(1); o <= 8; o++ {
		data := append([]byte("\xff\xd8"), append(exifSegment(o), b.Bytes()[2:]...)...)
		dst := make([]byte, tileBytes)
		p, err := decodeInto(dst, data)
		if err != nil {
			t.Fatal(err)
		}
		size := picture{200, 100, 800, 400, "JPEG"}
		if o >= 5 {
			size = picture{75, 150, 400, 800, "JPEG"}
		}
		if p != size {
			t.Errorf("orientation %d: picture is %v, want %v", o, p, size)
		}
		for i, c := range want[o] {
			checkPixel(t, fmt.Sprintf("orientation %d: upper quarter %d", o, i), pixel(dst, p.Width, p.Width/4+i*p.Width/2, p.Height/4), rgb(c))
		}
	}
}

func TestDecodeDamaged(t *testing.T) {
	whole := func(name string) []byte {
		for _, s := range samples {
			if s.name == name {
				data, err := s.make()
				if err != nil {
					t.Fatal(err)
				}
				return data
			}
		}
		t.Fatalf("there is no sample %s", name)
		return nil
	}
	jpg, png, gif := whole("sunset.jpg"), whole("mosaic.png"), whole("rings.gif")
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "not a JPEG, PNG or GIF", nil},
		{"text", "not a JPEG, PNG or GIF", []byte("hello, this is no picture")},
		{"zeros", "not a JPEG, PNG or GIF", make([]byte, 4096)},
		{"JPEG of three bytes", "too early", jpg[:3]},
		{"half a JPEG", "", jpg[:len(jpg)/2]},
		{"half a PNG", "not enough pixel data", png[:len(png)/2]},
		{"half a GIF", "", gif[:len(gif)/2]},
		{"PNG with a wrong byte", "corrupt", append(append(bytes.Clone(png[:60]), png[60]^1), png[61:]...)},
		{"PNG with too few rows", "not enough pixel data", bomb(300, 200)},
	} {
		p, err := decodeInto(make([]byte, tileBytes), c.data)
		if d := new(damagedError); !errors.As(err, &d) {
			t.Errorf("%s: error is %v (%T), picture %v; want a *damagedError", c.name, err, err, p)
		} else if !strings.Contains(d.reason, c.want) {
			t.Errorf("%s: reason is %q, want it to say %q", c.name, d.reason, c.want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{1, 1, 1, 1}, {200, 150, 200, 150}, {199, 3, 199, 3}, {400, 300, 200, 150}, {6000, 4000, 200, 133},
		{4000, 6000, 100, 150}, {60000, 1, 200, 1}, {1, 60000, 1, 150}, {201, 150, 200, 149}, {200, 151, 199, 150},
	} {
		if w, h := fit(c.w, c.h, 200, 150); w != c.wantW || h != c.wantH {
			t.Errorf("fit(%d, %d) = %d, %d, want %d, %d", c.w, c.h, w, h, c.wantW, c.wantH)
		}
	}
}

// TestScaleDown compares with the mean computed the slow way: each pixel of
// the source is w×h parts, each pixel of the result the mean of its parts.
func TestScaleDown(t *testing.T) {
	for _, c := range []struct{ sw, sh, w, h int }{{1, 1, 1, 1}, {7, 5, 3, 2}, {5, 7, 5, 3}, {9, 4, 2, 4}, {10, 10, 1, 1}, {13, 11, 12, 10}} {
		src := paint(c.sw, c.sh, func(x, y, w, _ int) color.NRGBA {
			i := y*w + x
			return color.NRGBA{uint8(noise(i, 256)), uint8(noise(i+1000, 256)), uint8(noise(i+2000, 256)), uint8(noise(i+3000, 256))}
		})
		flat := image.NewRGBA(src.Rect)
		draw.Draw(flat, flat.Rect, src, image.Point{}, draw.Src)
		got := make([]byte, 4*c.w*c.h)
		scaleDown(got, src, c.w, c.h, upright)
		for k := range got {
			x, y, ch, sum := k/4%c.w, k/4/c.w, k%4, 0
			for py := range c.sh {
				for px := range c.sw {
					sum += int(flat.Pix[flat.PixOffset((x*c.sw+px)/c.w, (y*c.sh+py)/c.h)+ch])
				}
			}
			if want := byte((sum + c.sw*c.sh/2) / (c.sw * c.sh)); got[k] != want {
				t.Fatalf("%dx%d to %dx%d: pixel %d,%d channel %d is %d, want %d", c.sw, c.sh, c.w, c.h, x, y, ch, got[k], want)
			}
		}
	}
}

// TestScaleDownOffset scales a part of a picture whose bounds do not begin at
// zero, as those of a GIF's first frame need not.
func TestScaleDownOffset(t *testing.T) {
	img := quarters(400, 400).SubImage(image.Rect(200, 0, 400, 200))
	got := make([]byte, 4)
	scaleDown(got, img, 1, 1, upright)
	checkPixel(t, "the green quarter", pixel(got, 1, 0, 0), rgb(0x00ff00))
}

func BenchmarkDecodeJPEG(b *testing.B) {
	data, err := paintJPEG(1280, 800, sunset)()
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, tileBytes)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := decodeInto(dst, data); err != nil {
			b.Fatal(err)
		}
	}
}
