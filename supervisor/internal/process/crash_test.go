package process

import (
	"strings"
	"testing"
)

// TestCrashFound: the last crash is found whatever the pieces it comes in.
func TestCrashFound(t *testing.T) {
	const text = "starting\na log line that is longer than the begin of a line, with a panic: of somebody else\npanic: old (survived)\nok\n panic: not at the begin of a line\nSIGNAL is not one: no\nfatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no cases)]:\nmain.main()\n\t/a/file/whose/name/is/longer/than/the/begin/of/a/line/panic: x.go:7 +0x1\nmain.init()"
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
	var endless crash
	for range 1000 {
		endless.feed([]byte("words without an end "))
	}
	if got := cap(endless.line); got > 1<<10 {
		t.Fatalf("%d bytes of a line are kept", got)
	}
	var long crash
	long.feed([]byte("panic: x\n" + strings.Repeat("y", 3*stackBytes)))
	if got := len(long.String()); got != stackBytes {
		t.Fatalf("%d bytes", got)
	}
}

// TestLastWords: which lines are the first of a Go program's last words. Whatever looks
// nearly like one is a line of a log.
func TestLastWords(t *testing.T) {
	for line, want := range map[string]bool{
		"panic: x": true, "fatal error: x": true, "SIGSEGV: segmentation violation": true, "SIGFPE: floating-point exception": true,
		"panicking: x": false, "fatal: x": false, "ERROR: x": false, "SIG: x": false, "SIGN: x": false, "SIGSEGV of x": false,
		"SIGnature: x": false, "SIGHUP AND SIGTERM: x": false, "SIGSEGV": false,
	} {
		if got := isCrash(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
