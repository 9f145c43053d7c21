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
	self    actor.Ref[Sender]
	job     Begin
	seq     uint64 // of the next message
	ops     uint64 // messages or trips since the count of mallocs
	mallocs uint64
	trips   trips     // echo and echo-idle: told what has come back
	windows *windowed // or nil
	out     []Result
}

// begin does a whole workload, except those whose messages are told both ways: these
// continue in pong.
func (d *driver) begin(c *actor.Context, job Begin) error {
	d.job = job
	runtime.GC()
	if job.Plan.Windows != nil {
		d.windows = newWindowed(job.Plan.Windows)
		if job.Work == "echo" {
			return d.ping(c)
		}
		return d.finish(c, d.runWindows(c))
	}
	if job.Work == "echo" || job.Work == "echo-idle" {
		if err := d.count(c); err != nil {
			return d.finish(c, err)
		}
		d.trips = newEcho(job.Plan, job.PIDs)
		if job.Work == "echo-idle" {
			d.trips = newIdle(job.Plan, job.PIDs)
		}
		return d.ping(c)
	}
	return d.finish(c, d.work(c, job.Plan))
}

func (d *driver) work(c *actor.Context, p Plan) error {
	switch d.job.Work {
	case "ask":
		return d.runAsks(c)
	case "flood":
		return d.runFlood(d.stream(c, smallSize, sendData), p.Flood)
	case "fanin":
		return d.runFlood(d.stream(c, smallSize, sendData), p.Fan)
	case "tell":
		return d.runFlood(d.stream(c, smallSize, sendOrder), p.Flood)
	case "blob":
		return d.runBlobs(c)
	case "stream":
		return d.runPours(c)
	case "sizes":
		return d.runSizes(c)
	}
	return fmt.Errorf("no workload %q", d.job.Work)
}

// count begins to count operations and allocations.
func (d *driver) count(c *actor.Context) (err error) {
	d.ops = 0
	d.mallocs, err = d.allocated(c)
	return err
}

// done records a result, with the operations and allocations since count.
func (d *driver) done(c *actor.Context, r Result) error {
	after, err := d.allocated(c)
	r.Ops, r.Mallocs = d.ops, after-d.mallocs
	d.out = append(d.out, r)
	return err
}

// allocated is how many objects sender and receiver have allocated. Several senders at the
// same time do not ask the receiver.
func (d *driver) allocated(c *actor.Context) (uint64, error) {
	if d.job.Work == "fanin" {
		return mallocs(), nil
	}
	theirs, err := actor.Ask(c, d.job.To, Usage{})
	return theirs + mallocs(), err
}

// wants says whether a result has to be measured.
func (d *driver) wants(name string) bool { return d.job.Only == "" || d.job.Only == name }

func (d *driver) finish(c *actor.Context, err error) error {
	o := Outcome{Results: d.out}
	if err != nil {
		o = Outcome{Failed: err.Error()}
	}
	return actor.Tell(c, d.job.Collector, o)
}

// head makes the head of the next message.
func (d *driver) head(op uint16, size int) Head {
	return Head{Seq: d.seq, Op: op, From: d.job.Index, Size: uint32(size)}
}

func (d *driver) ping(c *actor.Context) error {
	if d.windows == nil {
		d.trips.leave()
	}
	return actor.Tell(c, d.job.To, Ping{Head: d.head(opEcho, smallSize), Back: d.self})
}

func (d *driver) pong(c *actor.Context, m Pong) error {
	if m.Seq != d.seq {
		return d.finish(c, wrongReply(d.seq, m.Seq))
	}
	d.seq++
	d.ops++
	if d.windows != nil {
		more, err := d.windows.done(d, c, 1)
		if err != nil || !more {
			d.out = append(d.out, d.windows.result("echo"))
			return d.finish(c, err)
		}
		return d.ping(c)
	}
	if d.trips.back() {
		return d.ping(c)
	}
	return d.finish(c, d.done(c, d.trips.result()))
}

func wrongReply(want, got uint64) error {
	return fmt.Errorf("the answer to %d has number %d", want, got)
}
