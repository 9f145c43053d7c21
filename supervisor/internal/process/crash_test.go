package process

import (
	"strings"
	"testing"
)

// TestCrashFound: the last crash is found whatever the pieces it comes in.
func TestCrashFound(t *testing.T) {
	const text = "starting\npanic: old (survived)\nok\n panic: not at the begin of a line\nSIGNAL is not one: no\nfatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no cases)]:\nmain.main()"
	want := text[strings.Index(text, "fatal"):]
	for size := 1; size < len(text); size++ {
		var c crash
		for b := []byte(text); len(b) > 0; {
			n := min(size, len(b))
			c.feed(b[:n])
			b = b[n:]
		}
		if got := c.String(); got != want {
			t.Fatalf("in pieces of %d: %q", size, got)
		}
	}
	var none crash
	none.feed([]byte("all is well\nSIGN: no"))
	if got := none.String(); got != "" {
		t.Fatalf("%q", got)
	}
	var long crash
	long.feed([]byte("panic: x\n" + strings.Repeat("y", 3*stackBytes)))
	if got := len(long.String()); got != stackBytes {
		t.Fatalf("%d bytes", got)
	}
}
