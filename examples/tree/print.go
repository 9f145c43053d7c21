package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/understudy-go/understudy/supervisor"
)

// record is an event as JSON.
type record struct {
	Time        time.Time `json:"time"` // with date and zone: lines are kept, and compared with those of other machines
	Kind        string    `json:"kind"`
	Supervisor  string    `json:"supervisor,omitempty"`
	Child       string    `json:"child,omitempty"`
	Incarnation int       `json:"incarnation,omitempty"`
	PID         int       `json:"pid,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Text        string    `json:"text,omitempty"`
}

// printer writes events, as JSON or for people.
func printer(asJSON bool, out io.Writer) func(supervisor.Event) {
	enc := json.NewEncoder(out)
	return func(e supervisor.Event) {
		if !asJSON {
			if e.Kind != supervisor.EventChildTerminated { // OTP's report of what EventExited has said
				kind, what, _ := strings.Cut(e.String(), " ")
				fmt.Fprintf(out, "%s  %-11s %s\n", e.Time.Format("15:04:05.000"), kind, what)
			}
			return
		}
		l := record{Time: e.Time, Kind: string(e.Kind), Supervisor: e.Supervisor, Child: e.Child,
			Incarnation: e.Incarnation, PID: e.PID, Text: e.Text}
		if e.Exit != nil {
			l.Reason, l.Text = e.Exit.Reason, e.Exit.Summary
		}
		_ = enc.Encode(l)
	}
}

// draw writes the tree.
func draw(out io.Writer, sup *supervisor.Supervisor) { drawBelow(out, sup, "", os.Getpid()) }

// drawBelow writes what is below sup, which is in the process with that number.
func drawBelow(out io.Writer, sup *supervisor.Supervisor, indent string, pid int) {
	children := sup.Children()
	for i, c := range children {
		branch, deeper := "├─ ", "│  "
		if i == len(children)-1 {
			branch, deeper = "└─ ", "   "
		}
		name := c.Name[strings.LastIndexByte(c.Name, '/')+1:]
		if !c.Supervisor {
			fmt.Fprintf(out, "%s%s%s  process %d, %s\n", indent, branch, name, c.PID, c.State)
			continue
		}
		own := ""
		if c.PID != pid {
			own = fmt.Sprintf("  process %d, %s", c.PID, c.State)
		}
		fmt.Fprintf(out, "%s%s%s%s\n", indent, branch, name, own)
		if below, err := sup.Below(name); err == nil {
			drawBelow(out, below, indent+deeper, c.PID)
		}
	}
}

// processes is everything in the tree that has a process of its own.
func processes(sup *supervisor.Supervisor) (all []supervisor.ChildInfo) {
	all = leaves(sup)
	for _, c := range sup.Children() {
		if c.Supervisor && c.PID != os.Getpid() {
			all = append(all, c)
		}
	}
	return all
}

// leaves is the actors of the whole tree.
func leaves(sup *supervisor.Supervisor) (all []supervisor.ChildInfo) {
	for _, c := range sup.Children() {
		if !c.Supervisor {
			all = append(all, c)
		} else if below, err := sup.Below(c.Name[strings.LastIndexByte(c.Name, '/')+1:]); err == nil {
			all = append(all, leaves(below)...)
		}
	}
	return all
}
