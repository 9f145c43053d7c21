package supervisor

import "bytes"

// maxLine bounds a line in bytes; a longer one is cut into several.
const maxLine = 64 << 10

// lines cuts a stream into lines. Only one goroutine writes to it.
type lines struct {
	seen func(line []byte) (more bool) // gets each line first, until it returns false; or nil
	emit func(line []byte)
	rest []byte
}

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		part := b
		if i >= 0 {
			part = b[:i]
		}
		if room := maxLine - len(l.rest); len(part) > room {
			l.rest = append(l.rest, part[:room]...)
			b = b[room:]
			l.line()
			continue
		}
		l.rest = append(l.rest, part...)
		if i < 0 {
			break
		}
		b = b[i+1:]
		l.line()
	}
	return n, nil
}

// Close emits a last line that has no newline.
func (l *lines) Close() error {
	if len(l.rest) > 0 {
		l.line()
	}
	return nil
}

func (l *lines) line() {
	line := bytes.TrimSuffix(l.rest, []byte("\r"))
	if l.seen != nil && !l.seen(line) {
		l.seen = nil
	}
	l.emit(line)
	l.rest = l.rest[:0]
}
