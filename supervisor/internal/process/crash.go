package process

import (
	"bytes"
	"strings"
)

// stackBytes is how much is kept of what a Go program writes when it crashes: the
// reason, and the goroutine that caused it, which comes first.
const stackBytes = 12 << 10

// markerBytes is enough of a line to recognize the beginning of a crash.
const markerBytes = 32

// crash finds the last line in a stream with which the Go runtime says why it crashes,
// and keeps what follows. It takes the last because a program may have logged a panic
// that it survived.
type crash struct {
	line []byte // the beginning of the current line, until it is known what it is
	seen bool   // it is known what the line is
	kept []byte
	on   bool // kept is being filled
}

func (c *crash) feed(b []byte) {
	for len(b) > 0 {
		part, ended := b, false
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			part, ended = b[:i+1], true
		}
		b = b[len(part):]
		if !c.seen {
			c.line = append(c.line, part...)
			part = nil
			if ended || len(c.line) >= markerBytes {
				c.seen = true
				if isCrash(string(c.line)) {
					c.on, c.kept = true, c.kept[:0]
				}
				c.keep(c.line)
				c.line = c.line[:0]
			}
		}
		c.keep(part)
		if ended {
			c.seen = false
		}
	}
}

func (c *crash) keep(b []byte) {
	if c.on {
		c.kept = append(c.kept, b[:min(len(b), stackBytes-len(c.kept))]...)
	}
}

// String is the crash, or "".
func (c *crash) String() string {
	c.keep(c.line) // a last line without an end
	return string(c.kept)
}

// isCrash says whether a line is the first that the Go runtime writes when it crashes.
func isCrash(line string) bool {
	if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
		return true
	}
	name, _, ok := strings.Cut(line, ": ")
	return ok && len(name) > 4 && strings.HasPrefix(name, "SIG") && strings.ToUpper(name) == name && !strings.Contains(name, " ")
}
