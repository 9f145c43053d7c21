package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
)

// The layout of the sheet, in pixels. A card holds one tile and its caption.
const (
	pagePad    = 24 // around everything
	titleTall  = 50 // the title and the room below it
	cardPad    = 10 // around the tile, inside the card
	cardGap    = 14 // between cards
	cardRadius = 6
	lineTall   = 15 // from one line of text to the next
	cardWide   = tileWidth + 2*cardPad
	cardTall   = cardPad + tileHeight + 8 + 2*lineTall + 4
	maxTiles   = 2500 // more would need a sheet of half a gigabyte in memory
)

var (
	pageColor    = color.RGBA{0x14, 0x16, 0x1b, 0xff}
	cardColor    = color.RGBA{0x21, 0x25, 0x2d, 0xff}
	emptyColor   = color.RGBA{0x19, 0x1c, 0x22, 0xff} // behind a tile
	inkColor     = color.RGBA{0xe8, 0xea, 0xef, 0xff}
	dimColor     = color.RGBA{0x93, 0x9b, 0xaa, 0xff}
	greyColor    = color.RGBA{0x4b, 0x50, 0x5b, 0xff} // a damaged file
	redColor     = color.RGBA{0x96, 0x24, 0x2f, 0xff} // a quarantined file
	redInkColor  = color.RGBA{0xff, 0xd9, 0xd6, 0xff}
	checkerColor = [2]color.RGBA{{0x3a, 0x3e, 0x47, 0xff}, {0x2d, 0x31, 0x39, 0xff}} // behind glass
)

// sheet is the picture of all tiles. Cards with different numbers may be drawn
// at the same time, by different goroutines: they have no pixel in common.
type sheet struct {
	img     *image.RGBA
	columns int
}

// newSheet makes a sheet with n empty places.
func newSheet(n int) *sheet {
	columns := gridColumns(n)
	rows := (n + columns - 1) / columns
	s := &sheet{columns: columns, img: image.NewRGBA(image.Rect(0, 0,
		2*pagePad+columns*cardWide+(columns-1)*cardGap,
		2*pagePad+titleTall+rows*cardTall+(rows-1)*cardGap))}
	fillRect(s.img, s.img.Rect, pageColor)
	return s
}

// gridColumns is the number of columns for n cards that makes the sheet
// nearest to a square.
func gridColumns(n int) int {
	best, bestOff := 1, -1
	for c := 1; c <= n; c++ {
		r := (n + c - 1) / c
		off := c*(cardWide+cardGap) - r*(cardTall+cardGap)
		if off = max(off, -off); bestOff < 0 || off < bestOff {
			best, bestOff = c, off
		}
	}
	return best
}

// card is the rectangle of card i.
func (s *sheet) card(i int) image.Rectangle {
	p := image.Pt(pagePad+i%s.columns*(cardWide+cardGap), pagePad+titleTall+i/s.columns*(cardTall+cardGap))
	return image.Rectangle{p, p.Add(image.Pt(cardWide, cardTall))}
}

// tileRect is the part of card i that its tile may fill.
func (s *sheet) tileRect(i int) image.Rectangle {
	p := s.card(i).Min.Add(image.Pt(cardPad, cardPad))
	return image.Rectangle{p, p.Add(image.Pt(tileWidth, tileHeight))}
}

// place draws card i for a file that was decoded. It does not keep t.
func (s *sheet) place(i int, name string, t tile) error {
	if t.Width < 1 || t.Height < 1 || t.Width > tileWidth || t.Height > tileHeight || len(t.pix) < 4*t.Width*t.Height {
		return fmt.Errorf("the decoder sent %d bytes for a tile of %dx%d pixels; at most %dx%d with 4 bytes each are right",
			len(t.pix), t.Width, t.Height, tileWidth, tileHeight)
	}
	box := s.tileRect(i)
	fillRound(s.img, s.card(i), cardRadius, cardColor)
	fillRect(s.img, box, emptyColor)
	at := box.Min.Add(image.Pt((tileWidth-t.Width)/2, (tileHeight-t.Height)/2))
	area := image.Rectangle{at, at.Add(image.Pt(t.Width, t.Height))}
	src := &image.RGBA{Pix: t.pix[:4*t.Width*t.Height], Stride: 4 * t.Width, Rect: image.Rect(0, 0, t.Width, t.Height)}
	if !src.Opaque() {
		fillChecker(s.img, area)
	}
	draw.Draw(s.img, area, src, image.Point{}, draw.Over)
	s.caption(i, name, fmt.Sprintf("%d x %d  %s", t.SourceWidth, t.SourceHeight, t.Format))
	return nil
}

// placeError draws card i for a file that was damaged or quarantined; any
// other error is returned as it is.
func (s *sheet) placeError(i int, name string, err error) error {
	word, back, ink := "damaged", greyColor, inkColor
	if q := new(quarantinedError); errors.As(err, &q) {
		word, back, ink = "quarantined", redColor, redInkColor
	} else if d := new(damagedError); !errors.As(err, &d) {
		return err
	}
	box := s.tileRect(i)
	fillRound(s.img, s.card(i), cardRadius, cardColor)
	fillRect(s.img, box, back)
	const inset = 14
	drawText(s.img, box.Min.Add(image.Pt(inset, inset+4)), word, 2, ink)
	top := box.Min.Y + inset + 42
	for k, line := range wrap(err.Error(), tileWidth-2*inset, (box.Max.Y-top)/lineTall) {
		drawText(s.img, image.Pt(box.Min.X+inset, top+k*lineTall), line, 1, ink)
	}
	s.caption(i, name, word)
	return nil
}

// caption writes the two lines below tile i.
func (s *sheet) caption(i int, name, detail string) {
	p := s.tileRect(i).Min.Add(image.Pt(0, tileHeight+9))
	drawText(s.img, p, shorten(name, tileWidth), 1, inkColor)
	drawText(s.img, p.Add(image.Pt(0, lineTall)), shorten(detail, tileWidth), 1, dimColor)
}

// title writes the heading. It must not depend on how the run went, only on
// the files.
func (s *sheet) title(text, detail string) {
	at := image.Pt(pagePad+2, pagePad)
	drawText(s.img, at, text, 2, inkColor)
	if w := s.img.Rect.Dx() - 2*pagePad; 2*textWidth(text)+16+textWidth(detail) <= w {
		drawText(s.img, at.Add(image.Pt(2*textWidth(text)+16, fontAscent)), detail, 1, dimColor)
	} else {
		drawText(s.img, at.Add(image.Pt(0, 27)), shorten(detail, w), 1, dimColor)
	}
}

// encode returns the sheet as a PNG file.
func (s *sheet) encode() ([]byte, error) {
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(&out, s.img)
	return out.Bytes(), err
}

// fillRect fills r with an opaque colour.
func fillRect(img *image.RGBA, r image.Rectangle, c color.RGBA) {
	r = r.Intersect(img.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := img.Pix[img.PixOffset(r.Min.X, y):img.PixOffset(r.Max.X, y)]
		for len(row) >= 4 {
			row[0], row[1], row[2], row[3] = c.R, c.G, c.B, c.A
			row = row[4:]
		}
	}
}

// fillRound fills r, its corners rounded. A pixel on the edge of a corner gets
// as much of the colour as the corner covers of it, in 16ths.
func fillRound(img *image.RGBA, r image.Rectangle, radius int, c color.RGBA) {
	fillRect(img, image.Rect(r.Min.X+radius, r.Min.Y, r.Max.X-radius, r.Max.Y), c)
	fillRect(img, image.Rect(r.Min.X, r.Min.Y+radius, r.Max.X, r.Max.Y-radius), c)
	for y := range radius {
		for x := range radius {
			covered := 0
			for k := range 16 { // the distance of a 4×4 grid to the centre, in 8ths of a pixel
				dx, dy := 8*(radius-x)-2*(k%4)-1, 8*(radius-y)-2*(k/4)-1
				if dx*dx+dy*dy <= 64*radius*radius {
					covered++
				}
			}
			for _, p := range [4]image.Point{
				{r.Min.X + x, r.Min.Y + y}, {r.Max.X - 1 - x, r.Min.Y + y},
				{r.Min.X + x, r.Max.Y - 1 - y}, {r.Max.X - 1 - x, r.Max.Y - 1 - y},
			} {
				img.SetRGBA(p.X, p.Y, mix(img.RGBAAt(p.X, p.Y), c, covered, 16))
			}
		}
	}
}

// mix is part/of of b, and the rest of a. Both are opaque.
func mix(a, b color.RGBA, part, of int) color.RGBA {
	m := func(x, y uint8) uint8 { return uint8((int(x)*(of-part) + int(y)*part + of/2) / of) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 0xff}
}

// fillChecker fills r with the pattern that shows where a picture is
// transparent.
func fillChecker(img *image.RGBA, r image.Rectangle) {
	const square = 8
	for y := r.Min.Y; y < r.Max.Y; y += square {
		for x := r.Min.X; x < r.Max.X; x += square {
			c := checkerColor[((x-r.Min.X)/square+(y-r.Min.Y)/square)%2]
			fillRect(img, image.Rect(x, y, x+square, y+square).Intersect(r), c)
		}
	}
}
