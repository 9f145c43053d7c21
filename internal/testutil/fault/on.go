//go:build faultinject

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// point counts the hits of one point and holds its rules.
type point struct {
	hits  atomic.Int64
	rules []rule
}

// rule says what happens at one hit of a point.
type rule struct {
	action string
	delay  time.Duration
	at     int64
}

// points is written once, before main, and only read afterwards.
var points = mustParse(os.Getenv(Variable))

// Hit marks a point: it counts the hit and carries out the action that the environment
// asks for at this count, if any. It blocks only for stop and delay.
func Hit(name string) {
	p := points[name]
	if p == nil {
		return
	}
	n := p.hits.Add(1)
	for _, r := range p.rules {
		if r.at == n {
			r.act(name)
		}
	}
}

func (r rule) act(name string) {
	switch r.action {
	case "kill", "stop":
		signalSelf(r.action)
	case "exit":
		os.Exit(ExitStatus)
	case "panic":
		panic("fault: " + name)
	case "delay":
		time.Sleep(r.delay)
	}
}

// mustParse is parse, but ends the process if the list is wrong; see the package comment.
func mustParse(list string) map[string]*point {
	ps, err := parse(list)
	if err != nil {
		fmt.Fprintf(os.Stderr, "fault: %s: %v\n", Variable, err)
		os.Exit(2)
	}
	return ps
}

func parse(list string) (map[string]*point, error) {
	ps := make(map[string]*point)
	if list == "" {
		return ps, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		name, r, err := parseItem(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		if ps[name] == nil {
			ps[name] = new(point)
		}
		ps[name].rules = append(ps[name].rules, r)
	}
	return ps, nil
}

func parseItem(item string) (name string, r rule, err error) {
	parts := strings.Split(item, ":")
	if len(parts) != 3 || parts[0] == "" {
		return "", r, fmt.Errorf("%q is not point:action:k", item)
	}
	action, value, hasValue := strings.Cut(parts[1], "=")
	switch {
	case action == "delay" && hasValue:
		if r.delay, err = time.ParseDuration(value); err != nil {
			return "", r, fmt.Errorf("%q: %w", item, err)
		}
	case hasValue:
		return "", r, fmt.Errorf("%q: only delay takes a value", item)
	case action != "kill" && action != "stop" && action != "exit" && action != "panic":
		return "", r, fmt.Errorf("%q: the action must be kill, stop, exit, panic or delay=DURATION", item)
	}
	r.action = action
	if r.at, err = strconv.ParseInt(parts[2], 10, 64); err != nil || r.at < 1 {
		return "", r, fmt.Errorf("%q: k must be a whole number from 1", item)
	}
	return parts[0], r, nil
}
