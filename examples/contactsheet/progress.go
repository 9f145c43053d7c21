package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	barWide    = 28 // characters
	eraseLine  = "\r\x1b[K"
	greenStyle = "\x1b[32m"
	noStyle    = "\x1b[0m"
)

// progress is one line on a terminal that is rewritten as the work proceeds.
// On anything else it is silent. A nil progress is silent too.
type progress struct {
	w     io.Writer
	total int
	style bool // colours are welcome
	shown bool // a line is on the screen
}

// newProgress returns the progress of total files, shown on f if that is a
// terminal which can rewrite a line.
func newProgress(f *os.File, total int) *progress {
	if !isTerminal(f) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{w: f, total: total, style: os.Getenv("NO_COLOR") == ""}
}

// isTerminal says whether f is a character device. The only other one that people use
// here is /dev/null, where the bar does no harm.
func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show rewrites the line.
func (p *progress) show(s *summary, restarts int) {
	if p == nil {
		return
	}
	done := s.OK + s.Failed + s.Quarantined
	full := barWide * done / max(1, p.total)
	bar := strings.Repeat("#", full)
	if p.style {
		bar = greenStyle + bar + noStyle
	}
	line := fmt.Sprintf("[%s%s] %d/%d", bar, strings.Repeat(".", barWide-full), done, p.total)
	for _, part := range []struct {
		n    int
		word string
	}{{s.Failed, "damaged"}, {s.Quarantined, "quarantined"}, {restarts, "restarts"}} {
		if part.n > 0 {
			line += fmt.Sprintf("  %d %s", part.n, part.word)
		}
	}
	io.WriteString(p.w, eraseLine+line)
	p.shown = true
}

// end removes the line, so that what follows starts on a clean one. It may be
// called more than once.
func (p *progress) end() {
	if p != nil && p.shown {
		io.WriteString(p.w, eraseLine)
		p.shown = false
	}
}
