package supervisor

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// TestLinesSeen: whoever looks for a line is not asked again once it has found
// it, and every line is handed on nevertheless.
func TestLinesSeen(t *testing.T) {
	var looked, handed []string
	l := &lines{
		seen: func(b []byte) bool { looked = append(looked, string(b)); return string(b) != "up" },
		emit: func(b []byte) { handed = append(handed, string(b)) },
	}
	fmt.Fprint(l, "starting\r\nup\nup\nbusy")
	l.Close()
	if want := []string{"starting", "up"}; !slices.Equal(looked, want) {
		t.Errorf("looked at %q, want %q", looked, want)
	}
	if want := []string{"starting", "up", "up", "busy"}; !slices.Equal(handed, want) {
		t.Errorf("handed on %q, want %q", handed, want)
	}
}

// TestLongLines: a line that is too long is cut into several, however it comes, and one of
// just the longest length is not.
func TestLongLines(t *testing.T) {
	for _, piece := range []int{1, 7, maxLine - 1, maxLine, maxLine + 1, 5 * maxLine} {
		var got []int
		l := &lines{emit: func(b []byte) { got = append(got, len(b)) }}
		text := slices.Concat(bytes.Repeat([]byte("a"), maxLine), []byte("\n\n"), bytes.Repeat([]byte("b"), maxLine+1), []byte("\n"),
			bytes.Repeat([]byte("c"), 2*maxLine))
		for part := range slices.Chunk(text, piece) {
			if n, err := l.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		l.Close()
		if want := []int{maxLine, 0, maxLine, 1, maxLine, maxLine}; !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %d, want %d", piece, got, want)
		}
	}
}
