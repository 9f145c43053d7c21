package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// line is one line of a plot: figures over payload sizes.
type line struct {
	label, color string
	sizes        []int
	values       []float64
}

// plot is a pair of axes, both logarithmic.
type plot struct {
	title         string
	width, height float64 // of the drawing, pixels
	lines         []line
	mark          int // the size to mark with a vertical line; 0: none
	markText      string
}

// The margins of a plot, in pixels. The names of lines stand at the right.
const (
	left, right, top, bottom = 62, 104, 30, 44
)

// colors can be told apart by all eyes, and each line is labelled at its end.
var colors = []string{"#1b6fb3", "#c9680a", "#118a73", "#a63d76", "#5b5b5b"}

// axes maps figures to pixels.
type axes struct {
	plot
	lo, hi      float64 // decades
	first, last float64 // powers of two
}

func (a axes) x(size int) float64 {
	return left + (a.width-left-right)*(math.Log2(float64(size))-a.first)/max(1, a.last-a.first)
}

func (a axes) y(v float64) float64 {
	return top + (a.height-top-bottom)*(1-(math.Log10(v)-a.lo)/(a.hi-a.lo))
}

func (p plot) axes() axes {
	a := axes{plot: p, lo: math.Inf(1), hi: math.Inf(-1), first: math.Inf(1), last: math.Inf(-1)}
	for _, l := range p.lines {
		for i, v := range l.values {
			a.lo, a.hi = min(a.lo, math.Floor(math.Log10(v))), max(a.hi, math.Ceil(math.Log10(v)))
			size := math.Log2(float64(l.sizes[i]))
			a.first, a.last = min(a.first, size), max(a.last, size)
		}
	}
	a.hi = max(a.hi, a.lo+1)
	return a
}

// svg draws p; without a figure there is nothing to draw.
func (p plot) svg() string {
	p.lines = slices.DeleteFunc(slices.Clone(p.lines), func(l line) bool { return len(l.values) == 0 })
	if len(p.lines) == 0 {
		return ""
	}
	a := p.axes()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img"><title>%s</title>`+"\n",
		p.width, p.height, p.width, p.height, escape(p.title))
	text(&b, left, 16, "b", p.title)
	a.grid(&b)
	if p.mark > 0 {
		x := a.x(p.mark)
		fmt.Fprintf(&b, `<line class="mark" x1="%.1f" x2="%.1f" y1="%d" y2="%.1f"/>`+"\n", x, x, top, p.height-bottom)
		text(&b, x+4, top+12, "", p.markText)
	}
	var ends []float64
	for _, l := range p.lines {
		ends = append(ends, a.draw(&b, l))
	}
	for i, y := range apart(ends, 14) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" style="fill:%s">%s</text>`+"\n", p.width-right+8, y+4, p.lines[i].color, escape(p.lines[i].label))
	}
	b.WriteString("</svg>")
	return b.String()
}

// grid draws a line for each decade, and a tick for each size.
func (a axes) grid(b *strings.Builder) {
	for e := a.lo; e <= a.hi; e++ {
		y := a.y(math.Pow(10, e))
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%.1f" y1="%.1f" y2="%.1f"/>`+"\n", left, a.width-right, y, y)
		text(b, left-6, y+4, "e", decade(e))
	}
	for i, size := range a.lines[0].sizes {
		x := a.x(size)
		fmt.Fprintf(b, `<line class="tick" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`+"\n", x, x, a.height-bottom, a.height-bottom+4)
		if i%2 == 0 {
			text(b, x, a.height-bottom+17, "m", sizeName(size))
		}
	}
	text(b, (left+a.width-right)/2, a.height-8, "m", "payload")
}

// draw draws one line and returns the height at which it ends.
func (a axes) draw(b *strings.Builder, l line) (end float64) {
	var path []string
	for i, v := range l.values {
		end = a.y(v)
		path = append(path, fmt.Sprintf("%.1f,%.1f", a.x(l.sizes[i]), end))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", a.x(l.sizes[i]), end, l.color)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), l.color)
	return end
}

// apart moves labels so that none covers another; the lowest are moved down.
func apart(ends []float64, least float64) []float64 {
	order := make([]int, len(ends))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, ends[a]-ends[b])) })
	out := slices.Clone(ends)
	for i := 1; i < len(order); i++ {
		out[order[i]] = max(out[order[i]], out[order[i-1]]+least)
	}
	return out
}

func text(b *strings.Builder, x, y float64, class, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" class="%s">%s</text>`+"\n", x, y, class, escape(s))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

// decade is a power of ten of nanoseconds in words.
func decade(e float64) string {
	switch v := math.Pow(10, e); {
	case e < 3:
		return fmt.Sprintf("%.0f ns", v)
	case e < 6:
		return fmt.Sprintf("%.0f µs", v/1e3)
	case e < 9:
		return fmt.Sprintf("%.0f ms", v/1e6)
	default:
		return fmt.Sprintf("%.0f s", v/1e9)
	}
}
