package main

import (
	"bytes"
	_ "embed" // for the page
	"fmt"
	"html/template"
	"os"
	"time"

	"github.com/understudy-go/understudy/mailbox"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"time":   timeText,
	"rate":   rateText,
	"bytes":  bytesText,
	"size":   sizeName,
	"fixed":  func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"small":  func() string { return smallLeaves },
	"oneway": crossingPlot,
	"own":    ownPlot,
}).Parse(pageText))

// chapter holds the stops of one kind.
type chapter struct {
	Title, Text string
	Stops       []stop
	Plot        template.HTML // compares them
}

// pageData is the content of the page.
type pageData struct {
	result
	Date     string
	Chapters []chapter
	Reasons  []string
}

// savePage writes the tour as one page that needs no other file.
func savePage(file string, r result) error {
	b, err := makePage(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}

func makePage(r result) ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, pageData{r, time.Now().UTC().Format("2006-01-02 15:04 UTC"), chapters(r), reasons(r)})
	return b.Bytes(), err
}

func chapters(r result) []chapter {
	copied := func(c mailbox.Crossing) time.Duration { return c.Copy }
	mapped := func(c mailbox.Crossing) time.Duration { return c.Map }
	return []chapter{
		{"Queues", "A queue carries the order: every message takes one entry, whatever its size. Payloads that fit travel in the entry itself; larger ones leave in a segment.",
			ofKind(r, queue), comparison("A plain []byte there and answered", ofKind(r, queue), copied)},
		{"Segments", "A segment carries the weight: memory that both processes map. The entry in the queue, here always of the form that this machine does best, says only where the payload is.",
			ofKind(r, segments), comparison("A lent buffer, filled, there and answered", ofKind(r, segments), mapped)},
		{"Notifiers", "Two processes that are awake look at each other's memory and need no notice. One that has nothing to do goes to sleep, and has to be woken: that is what the column “asleep” adds.",
			ofKind(r, notifier), comparison("A plain []byte there and answered", ofKind(r, notifier), copied)},
	}
}

func ofKind(r result, kind string) (out []stop) {
	for _, s := range r.Stops {
		if s.Kind == kind {
			out = append(out, s)
		}
	}
	return out
}

// comparison has a line for each stop.
func comparison(title string, stops []stop, of func(mailbox.Crossing) time.Duration) template.HTML {
	p := plot{title: title, width: 760, height: 330}
	for i, s := range stops {
		p.lines = append(p.lines, lineOf(s.Name, colors[i%len(colors)], s.Sweep, of))
	}
	return template.HTML(p.svg()) // escaped there
}

// crossingPlot is copy and map of one stop, and where they meet.
func crossingPlot(s stop) template.HTML {
	p := plot{title: "Copy and map through " + s.Name, width: 440, height: 240, mark: mailbox.Meets(s.Sweep)}
	p.markText = "map from " + sizeName(p.mark)
	p.lines = []line{
		lineOf("copy: []byte", colors[1], s.Sweep, func(c mailbox.Crossing) time.Duration { return c.Copy }),
		lineOf("map: lent", colors[0], s.Sweep, func(c mailbox.Crossing) time.Duration { return c.Map }),
	}
	return template.HTML(p.svg()) // escaped there
}

// ownPlot is the three ways as the mailbox measures them.
func ownPlot(m mailbox.Measurement) template.HTML {
	p := plot{title: "What one message costs, sent and received by one processor", width: 760, height: 330, mark: m.LentFrom()}
	p.markText = "lent from " + sizeName(p.mark)
	p.lines = []line{
		lineOf("in the entry", colors[0], m.Block, func(c mailbox.Crossing) time.Duration { return c.Copy }),
		lineOf("in a block", colors[1], m.Block, func(c mailbox.Crossing) time.Duration { return c.Map }),
		lineOf("lent, filled", colors[2], m.Lent, func(c mailbox.Crossing) time.Duration { return c.Map }),
	}
	return template.HTML(p.svg()) // escaped there
}

func lineOf(label, color string, sweep []mailbox.Crossing, of func(mailbox.Crossing) time.Duration) line {
	l := line{label: label, color: color}
	for _, c := range sweep {
		l.sizes = append(l.sizes, c.Size)
		l.values = append(l.values, float64(max(1, of(c))))
	}
	return l
}
