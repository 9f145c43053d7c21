package main

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-go/understudy/mailbox"
)

// checkPage: the page is well-formed, needs nothing from elsewhere, and has
// every stop, with its plot or the reason of its refusal.
func checkPage(t *testing.T, page string, r result) {
	t.Helper()
	var sections, plots, circles int
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, page)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "section":
			sections++
		case "svg":
			plots++
		case "circle":
			circles++
		}
		for _, a := range e.Attr {
			if n := a.Name.Local; n == "src" || n == "href" || n == "xlink" {
				t.Errorf("the page needs %s", a.Value)
			}
		}
	}
	wantPlots, wantCircles := 0, 0
	for _, kind := range []string{queue, segments, notifier} {
		some := 0
		for _, s := range ofKind(r, kind) {
			some += len(s.Sweep)
			wantCircles += 3 * len(s.Sweep) // copy, map, and one of them beside those of the others
			if len(s.Sweep) > 0 {
				wantPlots++
			}
			if !strings.Contains(page, `id="`+s.Kind+"-"+s.Name+`"`) || !strings.Contains(html.UnescapeString(page), s.What) ||
				s.Refused != nil && strings.Count(html.UnescapeString(page), s.Refused.Error()) < 2 {
				t.Errorf("the page does not have all of %s %s", s.Kind, s.Name)
			}
		}
		if some > 0 {
			wantPlots++
		}
	}
	if n := len(r.Crossing.Block); n > 0 { // the mailbox's own
		wantPlots, wantCircles = wantPlots+1, wantCircles+3*n
	}
	if sections != len(r.Stops) || plots != wantPlots || circles != wantCircles {
		t.Errorf("%d sections, %d plots and %d points, want %d, %d and %d", sections, plots, circles, len(r.Stops), wantPlots, wantCircles)
	}
	for _, s := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, s) {
			t.Errorf("the page has %q", s)
		}
	}
	if !strings.Contains(html.UnescapeString(page), r.CrossingText()) {
		t.Error("the page does not say where copy meets map")
	}
	if !strings.Contains(html.UnescapeString(page), r.Mutex.String()) || !strings.Contains(html.UnescapeString(page), r.File.String()) {
		t.Error("the page does not have the mutex and the file")
	}
}

// TestPageOfRefusals: a machine that refuses everything, in hostile words, has
// a page too; and one with figures of any size has plots.
func TestPageOfRefusals(t *testing.T) {
	hostile := errors.New(`<b> & "c" </section>`)
	r := result{Machine: "<i>", Mutex: mutexStop{Refused: hostile}}
	for _, f := range descriptions {
		f.Refused = hostile
		r.Stops = append(r.Stops, stop{form: f})
	}
	f := form{Kind: queue, Name: `a<b>"`, What: "one without system calls counted"}
	r.Stops = append(r.Stops, stop{form: f, figures: figures{NotCounted: "perf is <not> here",
		Sweep: []mailbox.Crossing{{Size: 64, Map: 1}, {Size: 1 << 20, Copy: time.Hour, Map: 3 * time.Nanosecond}}}})
	file := filepath.Join(t.TempDir(), "tour.html")
	if err := savePage(file, r); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	if !strings.Contains(page, "perf is &lt;not&gt; here") || strings.Contains(page, "<i>") {
		t.Error(page)
	}
	r.Stops = r.Stops[:len(r.Stops)-1] // its name is no id
	if b, err = makePage(r); err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(b), r)
}

// TestApart: labels that would cover each other move.
func TestApart(t *testing.T) {
	got := apart([]float64{50, 10, 12, 90}, 14)
	if got[0] != 50 || got[1] != 10 || got[2] != 24 || got[3] != 90 {
		t.Errorf("%v", got)
	}
}
