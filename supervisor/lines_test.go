package supervisor

import (
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
