package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
)

// streamPool is the mailbox of the workload "stream": a small pool for a much larger
// payload.
var streamPool = mailbox.Config{PoolBytes: 8 << 20}

// pourChunk is what the sender writes at a time.
const pourChunk = 1 << 20

// The ways in which a stream is read.
const (
	inPlace = "copy" // by io.Copy, which reads each block in place
	byRead  = "read" // by Read into a buffer
)

// pours makes the receiver read streams. Each page begins with the number of its
// chunk.
func pours(s *actor.Setup[Receiver]) {
	actor.OnStream(s, actor.StreamPolicy{}, func(r *actor.StreamReader) error {
		w := &looker{}
		var err error
		if r.Name() == byRead {
			buf := make([]byte, pourChunk)
			_, err = io.CopyBuffer(w, struct{ io.Reader }{r}, buf)
		} else {
			_, err = io.Copy(w, r)
		}
		if err == nil && w.off != r.Total() {
			err = fmt.Errorf("%d bytes have come of %d", w.off, r.Total())
		}
		return err
	})
}

// looker reads one word of each page that is written to it.
type looker struct{ off int64 }

func (l *looker) Write(p []byte) (int, error) {
	for i := int(-l.off & (pageSize - 1)); i+8 <= len(p); i += pageSize {
		if want, got := uint64(l.off+int64(i))/pourChunk, binary.LittleEndian.Uint64(p[i:]); got != want {
			return i, fmt.Errorf("the page at %d begins with %d, expected %d", l.off+int64(i), got, want)
		}
	}
	l.off += int64(len(p))
	return len(p), nil
}

// runPours measures streams of Plan.Stream bytes, read in both ways.
func (d *driver) runPours(c *actor.Context) error {
	src := make([]byte, pourChunk)
	for _, way := range []string{inPlace, byRead} {
		name := "stream " + way
		if !d.wants(name) {
			continue
		}
		if err := d.count(c); err != nil {
			return err
		}
		if err := d.pour(c, way, src); err != nil { // the warm-up
			return fmt.Errorf("%s: %w", name, err)
		}
		r := Result{Work: name}
		cpu := cpuTime(d.job.PIDs)
		begun := time.Now()
		for r.N == 0 || time.Since(begun) < d.job.Plan.Blob {
			if err := d.pour(c, way, src); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.N += int(d.job.Plan.Stream / pourChunk)
		}
		r.Rate = float64(r.N) * pourChunk / time.Since(begun).Seconds() / 1e9
		r.CPU = float64(cpuTime(d.job.PIDs)-cpu) / float64(r.N)
		if err := d.done(c, r); err != nil {
			return err
		}
	}
	return nil
}

// pour sends one stream, chunk by chunk, like a program that has the bytes elsewhere.
func (d *driver) pour(c *actor.Context, way string, src []byte) error {
	w, err := actor.NewStream(c, d.job.To, way, d.job.Plan.Stream, nil)
	if err != nil {
		return err
	}
	for i := range d.job.Plan.Stream / pourChunk {
		for off := 0; off < len(src); off += pageSize {
			binary.LittleEndian.PutUint64(src[off:], uint64(i))
		}
		if _, err := w.Write(src); err != nil {
			return err
		}
		d.ops++
	}
	return w.Close()
}
