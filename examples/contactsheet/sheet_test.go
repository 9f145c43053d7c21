package main

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// solid is a tile of one colour, which is premultiplied.
func solid(w, h int, c color.RGBA) tile {
	t := tile{picture: picture{w, h, 10 * w, 10 * h, "PNG"}}
	for range w * h {
		t.pix = append(t.pix, c.R, c.G, c.B, c.A)
	}
	return t
}

func TestSheetSize(t *testing.T) {
	for _, c := range []struct{ n, columns, rows int }{{1, 1, 1}, {2, 1, 2}, {3, 2, 2}, {16, 4, 4}, {17, 4, 5}, {400, 19, 22}, {maxTiles, 48, 53}} {
		if got := gridColumns(c.n); got != c.columns || (c.n+got-1)/got != c.rows {
			t.Errorf("%d cards stand in %d columns and %d rows, want %d and %d", c.n, got, (c.n+got-1)/got, c.columns, c.rows)
		}
	}
	s := newSheet(17)
	if got, want := s.img.Rect.Size(), image.Pt(2*24+4*220+3*14, 2*24+50+5*202+4*14); got != want {
		t.Errorf("the sheet has %v pixels, want %v", got, want)
	}
	for i := range 17 {
		if !s.card(i).In(s.img.Rect) || !s.tileRect(i).In(s.card(i)) {
			t.Errorf("card %d, %v, or its tile, %v, is outside", i, s.card(i), s.tileRect(i))
		}
		for k := range i {
			if s.card(i).Overlaps(s.card(k)) {
				t.Errorf("cards %d and %d overlap", k, i)
			}
		}
	}
}

func TestSheetTiles(t *testing.T) {
	red, glass := color.RGBA{200, 10, 20, 255}, color.RGBA{100, 0, 0, 128}
	s := newSheet(4)
	err := errors.Join(
		s.place(0, "red.png", solid(tileWidth, tileHeight, red)),
		s.place(1, "glass.png", solid(100, 50, glass)),
		s.placeError(2, "broken.jpg", &damagedError{"bad"}),
		s.placeError(3, "bomb.png", &quarantinedError{"boom"}))
	if err != nil {
		t.Fatal(err)
	}
	at := func(i, x, y int) color.RGBA {
		p := s.tileRect(i).Min.Add(image.Pt(x, y))
		return s.img.RGBAAt(p.X, p.Y)
	}
	under := color.RGBA{129, 30, 35, 255} // half of the pattern's first square shines through
	for _, c := range []struct {
		what      string
		got, want color.RGBA
	}{
		{"first pixel of a full tile", at(0, 0, 0), red},
		{"last pixel of a full tile", at(0, tileWidth-1, tileHeight-1), red},
		{"right of a full tile", at(0, tileWidth, 0), cardColor},
		{"beside a small tile", at(1, 49, 75), emptyColor},
		{"first pixel of glass", at(1, 50, 50), under},
		{"above a small tile", at(1, 50, 49), emptyColor},
		{"damaged", at(2, 1, 1), greyColor},
		{"quarantined", at(3, tileWidth-2, tileHeight-2), redColor},
		{"corner of the page", s.img.RGBAAt(0, 0), pageColor},
		{"corner of a card", s.img.RGBAAt(s.card(0).Min.X, s.card(0).Min.Y), pageColor},
		{"edge of a card", s.img.RGBAAt(s.card(0).Min.X, s.card(0).Min.Y+cardRadius), cardColor},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	for i := range 4 {
		if !hasInk(s.img, image.Rectangle{image.Pt(s.card(i).Min.X, s.tileRect(i).Max.Y), s.card(i).Max}, inkColor) {
			t.Errorf("tile %d has no caption", i)
		}
	}
	s.title("A title", "and what follows")
	if !hasInk(s.img, image.Rect(0, 0, s.img.Rect.Dx(), pagePad+titleTall), inkColor) {
		t.Error("there is no title")
	}
	checkEncode(t, s)
}

func hasInk(img *image.RGBA, r image.Rectangle, c color.RGBA) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if img.RGBAAt(x, y) == c {
				return true
			}
		}
	}
	return false
}

func checkEncode(t *testing.T, s *sheet) {
	t.Helper()
	a, errA := s.encode()
	b, errB := s.encode()
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the sheet is not the same file twice (errors %v, %v)", errA, errB)
	}
	img, err := png.Decode(bytes.NewReader(a))
	if err != nil || img.Bounds() != s.img.Rect {
		t.Fatalf("the file cannot be read again (error %v)", err)
	}
	for _, p := range []image.Point{{0, 0}, {60, 120}, {300, 200}, {300, 300}} {
		if got := color.RGBAModel.Convert(img.At(p.X, p.Y)); got != s.img.At(p.X, p.Y) {
			t.Errorf("the file has %v at %v, the sheet %v", got, p, s.img.At(p.X, p.Y))
		}
	}
}

// TestSheetRefusesBadTiles: what comes from a decoder is not trusted.
func TestSheetRefusesBadTiles(t *testing.T) {
	s := newSheet(1)
	for _, bad := range []tile{
		{}, {picture: picture{Width: 10, Height: 10}, pix: make([]byte, 399)},
		{picture: picture{Width: tileWidth + 1, Height: 1}, pix: make([]byte, tileBytes)},
		{picture: picture{Width: -1, Height: -1}, pix: make([]byte, 4)},
	} {
		if s.place(0, "x", bad) == nil {
			t.Errorf("a tile of %dx%d pixels with %d bytes was drawn", bad.Width, bad.Height, len(bad.pix))
		}
	}
	other := errors.New("something else")
	if err := s.placeError(0, "x", other); err != other {
		t.Errorf("an error that is no file's fault came back as %v", err)
	}
}
