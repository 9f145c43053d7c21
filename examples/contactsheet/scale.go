package main

import (
	"image"
	"image/draw"
)

// fit returns the largest size with the proportions of w×h, all in pixels,
// that the box takes, but never more than w×h and never less than 1×1.
func fit(w, h, boxW, boxH int) (int, int) {
	switch {
	case w <= boxW && h <= boxH:
		return w, h
	case w*boxH >= h*boxW: // wider than the box
		return boxW, max(1, (h*boxW+w/2)/w)
	default:
		return max(1, (w*boxH+h/2)/h), boxH
	}
}

// scaleDown writes src, scaled to w×h pixels and then turned, to dst as
// premultiplied RGBA. w and h must not exceed the size of src.
//
// Each pixel is the mean of the area it covers, parts of pixels counted as
// parts. All of it is integer arithmetic, so that every machine gets the same
// bytes. The source is read once, a row at a time, and needs no copy.
//
//	      source row    0     1     2     3     4        (5 rows become 2)
//	         spans    |--2--|--2--|--2--|--2--|--2--|    in units of 1/5 pixel of
//	scaled row spans  |-----5------|------5-----|        the scaled picture / 2
func scaleDown(dst []byte, src image.Image, w, h int, turn orientation) {
	b := src.Bounds()
	sw, sh := b.Dx(), b.Dy()
	row := image.NewRGBA(image.Rect(0, 0, sw, 1))
	sums := make([]uint64, 4*w) // of one source row; a scaled pixel weighs sw
	acc := make([]uint64, 4*w)  // of one scaled row; a scaled pixel weighs sw*sh
	for y, i := 0, 0; y < sh; y++ {
		// draw.Src leaves nothing of the last row, so row need not be cleared.
		draw.Draw(row, row.Rect, src, image.Pt(b.Min.X, b.Min.Y+y), draw.Src)
		sumRow(sums, row.Pix, sw, w)
		for at, end := y*h, (y+1)*h; at < end; {
			next := min(end, (i+1)*sh)
			for k, s := range sums {
				acc[k] += s * uint64(next-at)
			}
			at = next
			if at == (i+1)*sh {
				emit(dst, acc, uint64(sw)*uint64(sh), i, w, h, turn)
				clear(acc)
				i++
			}
		}
	}
}

// sumRow shares one row of sw pixels out among w scaled pixels.
func sumRow(sums []uint64, pix []byte, sw, w int) {
	clear(sums)
	for x, i := 0, 0; x < sw; x++ {
		r, g, b, a := uint64(pix[4*x]), uint64(pix[4*x+1]), uint64(pix[4*x+2]), uint64(pix[4*x+3])
		for at, end := x*w, (x+1)*w; at < end; {
			next := min(end, (i+1)*sw)
			part, s := uint64(next-at), sums[4*i:4*i+4]
			s[0] += r * part
			s[1] += g * part
			s[2] += b * part
			s[3] += a * part
			at = next
			if at == (i+1)*sw {
				i++
			}
		}
	}
}

// emit writes scaled row y, whose pixels weigh total each, to where the turn
// puts it.
func emit(dst []byte, acc []uint64, total uint64, y, w, h int, turn orientation) {
	stride := w
	if turn.swaps() {
		stride = h
	}
	for x := range w {
		tx, ty := turn.place(x, y, w, h)
		out := dst[4*(ty*stride+tx):][:4]
		for c := range out {
			out[c] = byte((acc[4*x+c] + total/2) / total)
		}
	}
}
