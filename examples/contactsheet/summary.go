package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// summary is what a run says at its end, and with -json the object it writes.
type summary struct {
	Images          int    `json:"images"`           // files, each with a tile
	OK              int    `json:"ok"`               // files with a picture
	Failed          int    `json:"failed"`           // files that are damaged or unreadable
	Quarantined     int    `json:"quarantined"`      // files that killed their decoder
	Restarts        int    `json:"restarts"`         // of decoders
	MessagesQueue   int64  `json:"messages_queue"`   // all: each takes a queue's entry
	MessagesSegment int64  `json:"messages_segment"` // those whose weight was in a segment
	BytesQueue      int64  `json:"bytes_queue"`
	BytesSegment    int64  `json:"bytes_segment"`
	Processes       int    `json:"processes"`
	ElapsedMS       int64  `json:"elapsed_ms"`
	SheetSHA256     string `json:"sheet_sha256"` // of the PNG file
	Out             string `json:"out"`          // the PNG file

	bad []badFile // the files without a picture
}

// badFile is a file without a picture, and why.
type badFile struct {
	index       int // on the sheet
	name        string
	quarantined bool
	reason      string
}

// maxBadLines bounds the list of bad files in the text.
const maxBadLines = 12

// count adds file i, whose fate is nil if it has a picture.
func (s *summary) count(i int, name string, fate error) {
	switch {
	case fate == nil:
		s.OK++
		return
	case isQuarantined(fate):
		s.Quarantined++
	default:
		s.Failed++
	}
	s.bad = append(s.bad, badFile{i, name, isQuarantined(fate), fate.Error()})
}

// finish adds what is known at the end. It sorts the bad files into the order
// of the sheet.
func (s *summary) finish(out string, png []byte, p poolStats, took time.Duration) {
	hash := sha256.Sum256(png)
	s.Out, s.SheetSHA256, s.ElapsedMS = out, hex.EncodeToString(hash[:]), took.Milliseconds()
	s.Restarts, s.Processes = p.Restarts, p.Processes
	s.MessagesQueue, s.MessagesSegment = p.MessagesQueue, p.MessagesSegment
	s.BytesQueue, s.BytesSegment = p.BytesQueue, p.BytesSegment
	slices.SortFunc(s.bad, func(a, b badFile) int { return cmp.Compare(a.index, b.index) })
}

// counts says how many files had which fate.
func (s *summary) counts() string {
	parts := []string{plural(s.Images, "file"), fmt.Sprintf("%d fine", s.OK)}
	if s.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d damaged", s.Failed))
	}
	if s.Quarantined > 0 {
		parts = append(parts, fmt.Sprintf("%d quarantined", s.Quarantined))
	}
	return strings.Join(parts, ", ")
}

func (s *summary) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(s)
}

func (s *summary) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", s.Out, s.counts())
	for i, f := range s.bad {
		if i == maxBadLines {
			fmt.Fprintf(&b, "  and %d more, each with its reason on the sheet\n", len(s.bad)-i)
			break
		}
		word := "damaged"
		if f.quarantined {
			word = "quarantined"
		}
		fmt.Fprintf(&b, "  %-11s  %s: %s\n", word, printable(f.name), printable(f.reason))
	}
	fmt.Fprintf(&b, "%s, %s, %.1f s\n",
		plural(s.Processes, "process"), plural(s.Restarts, "restart"), float64(s.ElapsedMS)/1000)
	fmt.Fprintf(&b, "messages by queue: %d (%s), %d of them with a segment (%s)\n",
		s.MessagesQueue, bytesText(s.BytesQueue), s.MessagesSegment, bytesText(s.BytesSegment))
	fmt.Fprintf(&b, "sha256 %s\n", s.SheetSHA256)
	_, err := io.WriteString(w, b.String())
	return err
}

// printable replaces what a file's name could do to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText is n bytes for people.
func bytesText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}
