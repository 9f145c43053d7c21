package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

// plot draws what the workload "sizes" has measured, medians over the runs, as
// an SVG: time over payload size, and bandwidth over it. caption says where it
// was measured.
func plot(all []Result, caption string) []byte {
	time := panel{title: "A payload there and acknowledged, p50", unit: axisTime, series: sizeSeries(all, func(r Result) float64 { return r.P50 })}
	rate := panel{title: "Payloads one way, GB/s (of a lent one no byte moves)", unit: decimal, series: sizeSeries(all, func(r Result) float64 { return r.Rate })}
	var b bytes.Buffer
	d := &drawing{w: &b}
	d.begin("Messages between two processes, over payload size", caption)
	d.panel(time, 0)
	d.panel(rate, 1)
	d.end()
	return b.Bytes()
}

// point is one size and its figure.
type point struct{ x, y float64 }

// series is one line of a panel.
type series struct {
	way, label, color string
	points            []point
}

// The lines, from the nearest to the machine's limit on. Their colours can be
// told apart by all eyes, and each is labelled at its end.
var lines = []series{
	{way: bare, label: "lent, untouched", color: "#1b6fb3"},
	{way: touch, label: "lent, a word a page", color: "#118a73"},
	{way: copied, label: "lent, filled by copy", color: "#c9680a"},
	{way: viewed, label: "[]byte read in place", color: "#6b6b6b"},
	{way: plain, label: "plain []byte", color: "#a63d76"},
}

func sizeSeries(all []Result, get func(Result) float64) (out []series) {
	for _, s := range lines {
		for _, size := range plotSizes {
			name := sizesName(size, s.way)
			var v []float64
			for _, r := range all {
				if x := get(r); r.Work == name && x > 0 {
					v = append(v, x)
				}
			}
			if len(v) > 0 {
				s.points = append(s.points, point{float64(size), spreadOf(v).median})
			}
		}
		if len(s.points) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// panel is one pair of axes, both logarithmic.
type panel struct {
	title  string
	unit   func(float64) string
	series []series
}

// decades is the range of the panel's figures in whole powers of ten.
func (p panel) decades() (lo, hi int) {
	lo, hi = 0, 1
	first := true
	for _, s := range p.series {
		for _, pt := range s.points {
			l, h := int(math.Floor(math.Log10(pt.y))), int(math.Ceil(math.Log10(pt.y)))
			if first {
				lo, hi, first = l, max(h, l+1), false
			}
			lo, hi = min(lo, l), max(hi, h)
		}
	}
	return lo, hi
}

// labels places the lines' names at their ends, apart from one another.
func labels(ends []float64, apart float64) []float64 {
	order := make([]int, len(ends))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, ends[a]-ends[b])) })
	out := slices.Clone(ends)
	for i, k := range order {
		if i > 0 {
			out[k] = max(out[k], out[order[i-1]]+apart)
		}
	}
	return out
}

// axisTime is a power of ten of nanoseconds in words.
func axisTime(v float64) string {
	switch {
	case v < 1e3:
		return decimal(v) + " ns"
	case v < 1e6:
		return decimal(v/1e3) + " µs"
	}
	return decimal(v/1e6) + " ms"
}

func decimal(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.6f", v), "0"), ".")
}
