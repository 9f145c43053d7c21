package main

import (
	"fmt"
	"time"

	"github.com/understudy-go/understudy/actor"
)

// Windows are consecutive periods in which a workload goes on with polling or without.
// The kernel's placement of the processes is more or less the same in all of them, so
// much less has to be measured than with fresh processes for each.
type Windows struct {
	Start int64 // CLOCK_MONOTONIC, ns; set when all processes are there
	Each  time.Duration
	Polls []bool // whether both sides poll, for each window
}

// windowLead is how long a workload runs before the first window.
const windowLead = 300 * time.Millisecond

// at is the window of that time: below 0 before the first, len(w.Polls) after
// the last.
func (w *Windows) at(now int64) int {
	if now < w.Start {
		return -1
	}
	return min(int((now-w.Start)/int64(w.Each)), len(w.Polls))
}

// windowed counts what a sender does in each window.
type windowed struct {
	*Windows
	now    func() int64
	i      int // the window
	counts []int
}

func newWindowed(w *Windows) *windowed {
	begun, origin := time.Now(), monotonic()
	return &windowed{Windows: w, i: -1, counts: make([]int, len(w.Polls)),
		now: func() int64 { return origin + int64(time.Since(begun)) }}
}

// done counts n operations that are done, and turns polling on or off when
// another window has begun; the first sender tells the receiver. It says whether
// to go on.
func (w *windowed) done(d *driver, c *actor.Context, n int) (more bool, err error) {
	if i := w.at(w.now()); i != w.i {
		w.i = i
		if i == len(w.Polls) {
			return false, nil
		}
		actor.SetPolling(w.Polls[i])
		if d.job.Index == 0 {
			err = actor.Tell(c, d.job.To, Poll{On: w.Polls[i]})
		}
	}
	if w.i >= 0 {
		w.counts[w.i] += n
	}
	return true, err
}

func (w *windowed) result(work string) Result {
	r := Result{Work: work, Start: w.Start, Counts: w.counts}
	for _, n := range w.counts {
		r.N += n
	}
	return r
}

// runWindows does a workload in windows. echo, whose messages are told both ways, has its
// own code.
func (d *driver) runWindows(c *actor.Context) error {
	step := func() (int, error) { // some operations
		_, err := d.askFlat(c)
		d.seq++
		return 1, err
	}
	switch d.job.Work {
	case "ask":
	case "flood", "fanin":
		s := d.stream(c, smallSize, sendData)
		if err := s.reset(); err != nil {
			return err
		}
		step = func() (int, error) {
			const some = 64
			for range some {
				if err := s.send(s, d.head(opData, smallSize)); err != nil {
					return 0, err
				}
				d.seq++
			}
			return some, nil
		}
	default:
		return fmt.Errorf("%s is not done in windows; echo, ask, flood and fanin are", d.job.Work)
	}
	for {
		n, err := step()
		if err != nil {
			return err
		}
		if more, err := d.windows.done(d, c, n); !more || err != nil {
			d.out = append(d.out, d.windows.result(d.job.Work))
			return err
		}
	}
}
