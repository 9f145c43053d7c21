package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
)

// The sizes of the drawing, in pixels.
const (
	svgWidth    = 1180
	svgHeight   = 460
	panelWidth  = 360
	panelHeight = 300
	panelLeft   = 70  // of a panel's place, for the names of its figures
	panelPlace  = 590 // from one panel to the next
	panelTop    = 90
)

// drawing writes an SVG, line by line.
type drawing struct{ w io.Writer }

func (d *drawing) f(format string, a ...any) { fmt.Fprintf(d.w, format+"\n", a...) }

// text writes a label; style is CSS classes.
func (d *drawing) text(x, y float64, style, s string) {
	d.f(`<text x="%.1f" y="%.1f" class="%s">%s</text>`, x, y, style, escape(s))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

func (d *drawing) begin(title, caption string) {
	d.f(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`, svgWidth, svgHeight, svgWidth, svgHeight)
	d.f("<title>%s</title>", escape(title))
	d.f("<style>text{font:12px sans-serif;fill:#444} .h{font-size:17px;fill:#111} .t{font-size:13px;fill:#111;font-weight:bold} " +
		".m{text-anchor:middle} .e{text-anchor:end} .c{font-size:11px;fill:#777}</style>")
	d.f(`<rect width="100%%" height="100%%" fill="#fff"/>`)
	d.text(16, 28, "h", title)
	d.text(16, svgHeight-12, "c", caption)
}

func (d *drawing) end() { d.f("</svg>") }

// panel draws p at the n-th place from the left.
func (d *drawing) panel(p panel, n int) {
	left := float64(panelLeft + n*panelPlace)
	lo, hi := p.decades()
	first, last := math.Log2(float64(plotSizes[0])), math.Log2(float64(plotSizes[len(plotSizes)-1]))
	x := func(v float64) float64 { return left + panelWidth*(math.Log2(v)-first)/(last-first) }
	y := func(v float64) float64 {
		return panelTop + panelHeight*(1-(math.Log10(v)-float64(lo))/float64(hi-lo))
	}
	d.text(left, panelTop-18, "t", p.title)
	for e := lo; e <= hi; e++ {
		v := math.Pow(10, float64(e))
		d.f(`<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#e3e3e3"/>`, left, left+panelWidth, y(v), y(v))
		d.text(left-8, y(v)+4, "e", p.unit(v))
	}
	for i, size := range plotSizes {
		at := x(float64(size))
		d.f(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#999"/>`, at, at, panelTop+panelHeight, panelTop+panelHeight+5)
		if i%2 == 1 {
			d.text(at, panelTop+panelHeight+20, "m", sizeName(size))
		}
	}
	d.f(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#999"/>`, left, left+panelWidth, panelTop+panelHeight, panelTop+panelHeight)
	d.text(left+panelWidth/2, panelTop+panelHeight+40, "m", "payload")
	var ends []float64
	for _, s := range p.series {
		ends = append(ends, d.line(s, x, y))
	}
	for i, at := range labels(ends, 16) {
		d.f(`<text x="%.1f" y="%.1f" style="fill:%s">%s</text>`, left+panelWidth+10, at+4, p.series[i].color, escape(p.series[i].label))
	}
}

// line draws s and returns the height at which it ends.
func (d *drawing) line(s series, x, y func(float64) float64) float64 {
	var path []string
	for _, pt := range s.points {
		path = append(path, fmt.Sprintf("%.1f,%.1f", x(pt.x), y(pt.y)))
	}
	d.f(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`, strings.Join(path, " "), s.color)
	for _, pt := range s.points {
		d.f(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(pt.x), y(pt.y), s.color)
	}
	return y(s.points[len(s.points)-1].y)
}
