package main

import (
	"image"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFontCoversASCII(t *testing.T) {
	seen := map[glyph]rune{}
	for r := rune(firstRune); r <= lastRune+1; r++ { // the last one stands for all others
		g := *glyphOf(r)
		if g.width < 1 || g.width >= glyphCell {
			t.Errorf("%q is %d pixels wide, want 1 to %d", r, g.width, glyphCell-1)
		}
		if ink := g.rows != [glyphTall]uint8{}; ink != (r != ' ') {
			t.Errorf("%q has ink: %v", r, ink)
		}
		if other, ok := seen[g]; ok {
			t.Errorf("%q and %q look the same", other, r)
		}
		seen[g] = r
	}
	if glyphOf('é') != glyphOf('\n') || glyphOf('é') != glyphOf(lastRune+1) {
		t.Error("characters that were not drawn do not share the box")
	}
	for line := range strings.SplitSeq(strings.Trim(glyphRows, "\n"), "\n") {
		if n := len(line); n != 0 && n != glyphsLine*glyphCell-1 || strings.Trim(line, "#. ") != "" {
			t.Errorf("bad line in the font: %q", line)
		}
	}
}

func TestDrawText(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	drawText(img, image.Pt(3, 2), "I", 2, inkColor)
	for y := range 30 {
		for x := range 40 {
			// I is three columns wide, with a full top and bottom row.
			col, row := (x-3)/2, (y-2)/2
			ink := x >= 3 && y >= 2 && col < 3 && row < fontAscent && (col == 1 || row == 0 || row == fontAscent-1)
			if got := img.RGBAAt(x, y) == inkColor; got != ink {
				t.Fatalf("ink at %d,%d: %v, want %v", x, y, got, ink)
			}
		}
	}
	drawText(img, image.Pt(35, 25), "over the edge", 3, inkColor) // must not panic
	drawText(img, image.Pt(-9, -9), "over the edge", 3, inkColor)
}

func TestShorten(t *testing.T) {
	long := "a-rather-long-name-of-a-picture-from-the-summer-of-2019.jpeg"
	for _, s := range []string{"", "a.png", long, strings.Repeat("ü", 100) + ".gif", "bad\xff\xfe" + long, strings.Repeat("W", 5000)} {
		for _, width := range []int{20, 60, tileWidth} {
			got := shorten(s, width)
			if textWidth(got) > width {
				t.Errorf("shorten(%q, %d) = %q is %d wide", s, width, got, textWidth(got))
			}
			if textWidth(s) <= width && got != s {
				t.Errorf("shorten(%q, %d) = %q, want it unchanged", s, width, got)
			}
		}
	}
	got := shorten(long, tileWidth)
	head, tail, ok := strings.Cut(got, ellipsis)
	if !ok || !strings.HasPrefix(long, head) || !strings.HasSuffix(long, tail) || !strings.HasSuffix(tail, ".jpeg") {
		t.Errorf("shorten(%q) = %q, want the beginning, %q and the end", long, got, ellipsis)
	}
	if textWidth(got) < tileWidth-12 {
		t.Errorf("shorten(%q) = %q leaves %d pixels free", long, got, tileWidth-textWidth(got))
	}
}

func TestWrap(t *testing.T) {
	check := func(s string, width, n int, want ...string) {
		t.Helper()
		if got := wrap(s, width, n); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("wrap(%q, %d, %d) = %q, want %q", s, width, n, got, want)
		}
	}
	five := textWidth("aaaaa")
	check("", five, 3)
	check("aa bb", five, 3, "aa bb")
	check("aa  bbb cc", five, 3, "aa", "bbb", "cc")
	check("aaaaaaaaaaaa", five, 9, "aaaaa", "aaaaa", "aa")
	check("aaaaa aaaaa aaaaa", five, 2, "aaaaa", "aaa...")
	for _, s := range []string{"x \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff y", strings.Repeat("\u4e16", 30)} {
		if got := strings.Join(wrap(s, 30, 99), ""); got != strings.ReplaceAll(s, " ", "") {
			t.Errorf("wrap(%q) lost or added something: %q", s, got)
		}
	}
	for _, line := range wrap(strings.Repeat("ä", 40), 50, 9) {
		if textWidth(line) > 50 || !utf8.ValidString(line) {
			t.Errorf("line %q is %d wide, want at most 50 and whole characters", line, textWidth(line))
		}
	}
}
