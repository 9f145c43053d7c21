package node

import (
	"testing"
	"time"
)

// TestFreshen: of many short sleeps one in 8 ms has the goroutine scheduled anew;
// of rare ones none.
func TestFreshen(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		want  int // in a second
	}{
		{100 * time.Microsecond, 125},
		{3 * time.Millisecond, 111},
		{8 * time.Millisecond, 125},
		{50 * time.Millisecond, 20},
		{rareFrom, 0},
	} {
		var f freshener
		n := 0
		begun := int64(time.Hour)
		f.freshen(begun)
		for now := c.every; now <= time.Second; now += c.every {
			if f.due(begun + int64(now)) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("sleeps every %v: scheduled anew %d times in a second, expected %d", c.every, n, c.want)
		}
	}
}
