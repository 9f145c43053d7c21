package main

import (
	"fmt"
	"runtime"

	"github.com/understudy-go/understudy/actor"
)

// sender is the actor that drives a workload and measures.
var sender = actor.Define("sender", func(s *actor.Setup[Sender]) error {
	d := &driver{self: s.Self()}
	actor.OnTell(s, d.begin)
	actor.OnTell(s, d.pong)
	return nil
})

// driver is a sender's state.
type driver struct {
	self  actor.Ref[Sender]
	job   Begin
	trips trips // echo and echo-idle: told what has come back
	seq   uint64
}

// begin does all of a workload, but for those whose messages are told both
// ways: they go on in pong.
func (d *driver) begin(c *actor.Context, job Begin) error {
	d.job = job
	runtime.GC()
	p := job.Plan
	switch job.Work {
	case "echo":
		d.trips = newEcho(p, job.PIDs)
		return d.ping(c)
	case "echo-idle":
		d.trips = newIdle(p, job.PIDs)
		return d.ping(c)
	}
	var out []Result
	var err error
	switch job.Work {
	case "flood", "fanin":
		length := p.Flood
		if job.Work == "fanin" {
			length = p.Fan
		}
		out, err = runFlood(d.stream(c, smallSize, sendData), job.Work, length, job.PIDs)
	case "tell":
		out, err = runFlood(d.stream(c, smallSize, sendOrder), job.Work, p.Flood, job.PIDs)
	case "blob":
		out, err = d.runBlobs(c)
	case "ask":
		out, err = d.runAsks(c)
	default:
		err = fmt.Errorf("no workload %q", job.Work)
	}
	return d.finish(c, out, err)
}

func (d *driver) finish(c *actor.Context, out []Result, err error) error {
	o := Outcome{Results: out}
	if err != nil {
		o.Failed = err.Error()
	}
	return actor.Tell(c, d.job.Collector, o)
}

func (d *driver) head(op uint8, size int) Head {
	return Head{Seq: d.seq, Op: op, From: d.job.Index, Size: uint32(size)}
}

func (d *driver) ping(c *actor.Context) error {
	d.trips.leave()
	return actor.Tell(c, d.job.To, Ping{Head: d.head(opEcho, smallSize), Back: d.self})
}

func (d *driver) pong(c *actor.Context, m Pong) error {
	if m.Seq != d.seq {
		return d.finish(c, nil, fmt.Errorf("the answer to %d has number %d", d.seq, m.Seq))
	}
	d.seq++
	if d.trips.back() {
		return d.ping(c)
	}
	return d.finish(c, []Result{d.trips.result()}, nil)
}

// runAsks asks flat messages and then such with a string and a slice, one
// after another.
func (d *driver) runAsks(c *actor.Context) ([]Result, error) {
	flat, err := d.runAsk("ask flat", func() (Head, error) {
		r, err := actor.Ask(c, d.job.To, Check{Head: d.head(opEcho, smallSize)})
		return r.Head, err
	})
	if err != nil {
		return nil, err
	}
	typed, err := d.runAsk("ask", func() (Head, error) {
		r, err := actor.Ask(c, d.job.To, Question{Head: d.head(opEcho, smallSize), Name: orderName, Parts: orderParts})
		if err == nil && (r.Name != orderName || len(r.Parts) != len(orderParts)) {
			err = fmt.Errorf("the answer has %q and %v", r.Name, r.Parts)
		}
		return r.Head, err
	})
	return []Result{flat, typed}, err
}

func (d *driver) runAsk(work string, ask func() (Head, error)) (Result, error) {
	e := newEcho(d.job.Plan, d.job.PIDs)
	for {
		h, err := ask()
		if err == nil && h.Seq != d.seq {
			err = fmt.Errorf("the answer to %d has number %d", d.seq, h.Seq)
		}
		if err != nil {
			return Result{}, err
		}
		d.seq++
		if !e.back() {
			r := e.result()
			r.Work = work
			return r, nil
		}
	}
}
