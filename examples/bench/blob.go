package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/understudy-go/understudy/actor"
)

var blobSizes = []int{64 << 10, 1 << 20, 16 << 20}

// The ways in which a large payload travels.
const (
	bare   = "bare"  // lent, only its head written
	touch  = "touch" // lent, a word of each page written
	copied = "copy"  // lent, filled by copy from a private buffer
	read   = "read"  // lent, filled by Fill, and a word of each line, not only of each page, is read
	viewed = "view"  // a []byte of the sender's own, read in place
	plain  = "plain" // a []byte of the sender's own, of which the receiver gets a copy
)

// plotSizes are those of the workload "sizes".
var plotSizes = []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}

// sizesName is the name of a result of the workload "sizes".
func sizesName(size int, way string) string { return "sizes " + sizeName(size) + " " + way }

// sizeName is a power of two in words.
func sizeName(size int) string {
	switch {
	case size >= 1<<20:
		return fmt.Sprintf("%d MiB", size>>20)
	case size >= 1<<10:
		return fmt.Sprintf("%d KiB", size>>10)
	}
	return fmt.Sprintf("%d B", size)
}

func (d *driver) runBlobs(c *actor.Context) error {
	for _, way := range []string{touch, copied, read, viewed, plain} {
		for _, size := range blobSizes {
			name := "blob " + sizeName(size) + " " + way
			if !d.wants(name) {
				continue
			}
			if err := d.count(c); err != nil {
				return err
			}
			r, err := d.runBlob(c, size, way)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.Work = name
			if err := d.done(c, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *driver) runBlob(c *actor.Context, size int, way string) (Result, error) {
	s := d.stream(c, size, sendBlob(size, way))
	if _, _, err := s.run(d.job.Plan.Blob, 16); err != nil {
		return Result{}, err
	}
	cpu := cpuTime(d.job.PIDs)
	n, took, err := s.run(d.job.Plan.Blob, 0)
	return Result{N: n,
		Rate: float64(n) * float64(size) / took.Seconds() / 1e9,
		CPU:  float64(cpuTime(d.job.PIDs)-cpu) / float64(n)}, err
}

// runSizes is for the plot: how long a payload of each size takes until it is
// acknowledged, and the rate when payloads are sent one after another.
func (d *driver) runSizes(c *actor.Context) error {
	for _, size := range plotSizes {
		for _, way := range []string{bare, touch, copied, viewed, plain} {
			r, err := d.runSize(c, size, way)
			if err != nil {
				return fmt.Errorf("%s %s: %w", sizeName(size), way, err)
			}
			r.Work = sizesName(size, way)
			d.out = append(d.out, r)
		}
	}
	return nil
}

func (d *driver) runSize(c *actor.Context, size int, way string) (r Result, err error) {
	if way != bare { // no bytes move there, so there is no bandwidth
		if r, err = d.runBlob(c, size, way); err != nil {
			return r, err
		}
	}
	s := d.stream(c, size, sendBlob(size, way))
	const least = 16
	length := d.job.Plan.Blob
	var times []uint32
	for begun := time.Now(); len(times) < least || time.Since(begun) < length; {
		t := time.Now()
		if err := s.send(s, d.head(opEcho, size)); err != nil {
			return r, err
		}
		times = append(times, uint32(time.Since(t)))
		d.seq++
	}
	times = times[len(times)/8:] // the warm-up
	r.N += len(times)
	r.P50, r.P99 = percentiles(times)
	return r, nil
}

// sendBlob returns how a payload is filled and sent.
func sendBlob(size int, way string) func(*stream, Head) error {
	if way == bare || way == touch {
		return sendLent(opData, func(b actor.Buffer) {}, way == touch)
	}
	src := make([]byte, size)
	for i := range src {
		src[i] = byte(i)
	}
	switch way {
	case plain:
		return sendPlain(src)
	case viewed:
		return sendViewed(src)
	case read:
		return sendLent(opRead, func(b actor.Buffer) { b.Fill(0, src) }, true)
	}
	return sendLent(opData, func(b actor.Buffer) { copy(b.Bytes(), src) }, true)
}

// sendLent lends a buffer, fills it and sends it, with the Op op unless it is asked.
func sendLent(op uint16, fill func(actor.Buffer), pages bool) func(*stream, Head) error {
	return func(s *stream, h Head) error {
		b, err := actor.Lend(s.c, s.d.job.To, s.size)
		if err != nil {
			return err
		}
		fill(b)
		if h.Op != opData {
			stamp(b.Bytes(), h, pages)
			return check(s, h, BlobCheck{Data: b, Pages: pages})
		}
		h.Op = op
		stamp(b.Bytes(), h, pages)
		return actor.Tell(s.c, s.d.job.To, Blob{Data: b})
	}
}

// sendPlain sends src, which the library copies.
func sendPlain(src []byte) func(*stream, Head) error {
	return func(s *stream, h Head) error {
		stamp(src, h, true)
		if h.Op != opData {
			return check(s, h, PlainCheck{Data: src})
		}
		return actor.Tell(s.c, s.d.job.To, Plain{Data: src})
	}
}

// sendViewed is sendPlain, but the receiver makes no copy.
func sendViewed(src []byte) func(*stream, Head) error {
	return func(s *stream, h Head) error {
		stamp(src, h, true)
		if h.Op != opData {
			return check(s, h, ViewedCheck{Data: src})
		}
		return actor.Tell(s.c, s.d.job.To, Viewed{Data: src})
	}
}

// stamp writes what the receiver looks at: the head, and one word per page.
func stamp(b []byte, h Head, pages bool) {
	putHead(b, h)
	for off := pageSize; pages && off < len(b); off += pageSize {
		binary.LittleEndian.PutUint64(b[off:], h.Seq)
	}
}
