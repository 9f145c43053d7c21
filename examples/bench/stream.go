package main

import (
	"time"

	"github.com/understudy-go/understudy/actor"
)

// stream sends numbered messages of one size one way.
type stream struct {
	d    *driver
	c    *actor.Context
	size int
	send func(s *stream, h Head) error // unless h.Op is opData, returns when the message is acknowledged
}

func (d *driver) stream(c *actor.Context, size int, send func(*stream, Head) error) *stream {
	return &stream{d: d, c: c, size: size, send: send}
}

// check asks, and checks the acknowledgement.
func check[M actor.AskedOf[Receiver, Reply]](s *stream, h Head, m M) error {
	r, err := actor.Ask(s.c, s.d.job.To, m)
	if err == nil && r.Seq != h.Seq {
		err = wrongReply(h.Seq, r.Seq)
	}
	return err
}

func sendData(s *stream, h Head) error {
	if h.Op != opData {
		return check(s, h, Check{Head: h})
	}
	return actor.Tell(s.c, s.d.job.To, Data{Head: h})
}

func sendOrder(s *stream, h Head) error {
	if h.Op == opData {
		return actor.Tell(s.c, s.d.job.To, Order{Head: h, Name: orderName, Parts: orderParts})
	}
	r, err := actor.Ask(s.c, s.d.job.To, Question{Head: h, Name: orderName, Parts: orderParts})
	if err == nil && r.Seq != h.Seq {
		err = wrongReply(h.Seq, r.Seq)
	}
	return err
}

// reset makes the receiver expect number 1 next.
func (s *stream) reset() error {
	s.d.seq = 1
	s.d.ops++
	h := s.d.head(opReset, smallSize)
	return check(s, h, Check{Head: h})
}

// run sends for about d, but at least a minimum of messages unless that takes four times
// as long, and waits for the acknowledgement of the last one. (A warm-up has to touch the
// whole pool once.)
func (s *stream) run(d time.Duration, least int) (n int, took time.Duration, err error) {
	if err := s.reset(); err != nil {
		return 0, 0, err
	}
	mask := clockMask(s.size)
	for begun := time.Now(); ; {
		op := uint16(opData)
		if s.d.seq&mask == 0 {
			if t := time.Since(begun); t >= d && (n >= least || t >= 4*d) {
				op = opAck
			}
		}
		if err := s.send(s, s.d.head(op, s.size)); err != nil {
			return n, 0, err
		}
		s.d.seq++
		s.d.ops++
		n++
		if op == opAck {
			return n, time.Since(begun), nil
		}
	}
}

// clockMask says before which messages the clock is read: those whose number
// has none of these bits.
func clockMask(size int) uint64 {
	switch {
	case size >= 1<<20:
		return 0
	case size > 4096:
		return 7
	}
	return 255
}

func (d *driver) runFlood(s *stream, length time.Duration) error {
	if err := d.count(s.c); err != nil {
		return err
	}
	if _, _, err := s.run(length/4, 0); err != nil {
		return err
	}
	cpu := cpuTime(d.job.PIDs)
	begun := monotonic()
	n, took, err := s.run(length, 0)
	if err != nil {
		return err
	}
	return d.done(s.c, Result{Work: d.job.Work, N: n, Start: begun, End: monotonic(),
		Rate: float64(n) / took.Seconds(),
		CPU:  float64(cpuTime(d.job.PIDs)-cpu) / float64(n)})
}
