package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/actor"
)

// stream sends numbered messages of one size one way.
type stream struct {
	d    *driver
	c    *actor.Context
	size int
	send func(s *stream, h Head) error // with opAck it returns when the message is acknowledged
}

func (d *driver) stream(c *actor.Context, size int, send func(*stream, Head) error) *stream {
	return &stream{d: d, c: c, size: size, send: send}
}

// check asks, and looks at the acknowledgement.
func check[M actor.AskedOf[Receiver, Reply]](s *stream, h Head, m M) error {
	r, err := actor.Ask(s.c, s.d.job.To, m)
	if err == nil && r.Seq != h.Seq {
		err = fmt.Errorf("the acknowledgement of %d has number %d", h.Seq, r.Seq)
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
		err = fmt.Errorf("the acknowledgement of %d has number %d", h.Seq, r.Seq)
	}
	return err
}

// reset makes the receiver expect number 1 next.
func (s *stream) reset() error {
	s.d.seq = 1
	h := s.d.head(opReset, smallSize)
	return check(s, h, Check{Head: h})
}

// run sends for about d, at least so many messages unless that takes four times
// as long, and waits for the acknowledgement of the last one. (A warm-up has to
// touch a whole pool once.)
func (s *stream) run(d time.Duration, least int) (n int, took time.Duration, err error) {
	if err := s.reset(); err != nil {
		return 0, 0, err
	}
	mask := uint64(255) // the clock is read when none of these bits is set
	switch {
	case s.size >= 1<<20:
		mask = 0
	case s.size > 4096:
		mask = 7
	}
	begun := time.Now()
	for {
		op := uint8(opData)
		if s.d.seq&mask == 0 {
			if d0 := time.Since(begun); d0 >= d && (n >= least || d0 >= 4*d) {
				op = opAck
			}
		}
		if err := s.send(s, s.d.head(op, s.size)); err != nil {
			return n, 0, err
		}
		s.d.seq++
		n++
		if op == opAck {
			return n, time.Since(begun), nil
		}
	}
}

func runFlood(s *stream, work string, d time.Duration, pids []int) ([]Result, error) {
	if _, _, err := s.run(d/4, 0); err != nil {
		return nil, err
	}
	cpu := cpuTime(pids)
	r := Result{Work: work, Start: monotonic()}
	n, took, err := s.run(d, 0)
	r.End = monotonic()
	r.N = n
	r.Rate = float64(n) / took.Seconds()
	r.CPU = float64(cpuTime(pids)-cpu) / float64(n)
	return []Result{r}, err
}

var blobSizes = []int{64 << 10, 1 << 20, 16 << 20}

// The ways of a large payload.
const (
	touch  = "touch" // lent, a word of each page written
	copied = "copy"  // lent, filled by copy from a private buffer
	plain  = "plain" // a []byte of the sender's own
)

func blobName(size int, way string) string {
	if size >= 1<<20 {
		return fmt.Sprintf("blob %d MiB %s", size>>20, way)
	}
	return fmt.Sprintf("blob %d KiB %s", size>>10, way)
}

func (d *driver) runBlobs(c *actor.Context) (out []Result, err error) {
	for _, way := range []string{touch, copied, plain} {
		for _, size := range blobSizes {
			r, err := d.runBlob(c, size, way)
			if err != nil {
				return out, fmt.Errorf("%s: %w", blobName(size, way), err)
			}
			out = append(out, r)
		}
	}
	return out, nil
}

func (d *driver) runBlob(c *actor.Context, size int, way string) (Result, error) {
	send := sendLent(nil)
	if way != touch {
		src := make([]byte, size)
		for i := range src {
			src[i] = byte(i)
		}
		if send = sendLent(src); way == plain {
			send = sendPlain(src)
		}
	}
	s := d.stream(c, size, send)
	if _, _, err := s.run(d.job.Plan.Blob, 16); err != nil {
		return Result{}, err
	}
	cpu := cpuTime(d.job.PIDs)
	n, took, err := s.run(d.job.Plan.Blob, 0)
	return Result{Work: blobName(size, way), N: n,
		Rate: float64(n) * float64(size) / took.Seconds() / 1e9,
		CPU:  float64(cpuTime(d.job.PIDs)-cpu) / float64(n)}, err
}

// sendLent lends a buffer, fills it from src if there is one, and sends it.
func sendLent(src []byte) func(*stream, Head) error {
	return func(s *stream, h Head) error {
		b, err := actor.Lend(s.c, s.d.job.To, s.size)
		if err != nil {
			return err
		}
		copy(b.Bytes(), src)
		stamp(b.Bytes(), h)
		if h.Op != opData {
			return check(s, h, BlobCheck{Data: b})
		}
		return actor.Tell(s.c, s.d.job.To, Blob{Data: b})
	}
}

// sendPlain sends src itself, which the library copies.
func sendPlain(src []byte) func(*stream, Head) error {
	return func(s *stream, h Head) error {
		stamp(src, h)
		if h.Op != opData {
			return check(s, h, PlainCheck{Data: src})
		}
		return actor.Tell(s.c, s.d.job.To, Plain{Data: src})
	}
}

// stamp writes what the receiver checks: one word a page.
func stamp(b []byte, h Head) {
	putHead(b, h)
	for off := pageSize; off < len(b); off += pageSize {
		binary.LittleEndian.PutUint64(b[off:], h.Seq)
	}
}
