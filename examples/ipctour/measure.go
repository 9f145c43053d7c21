package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/examples/internal/perf"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// plan says how long and how large everything is.
type plan struct {
	each    time.Duration // of one figure
	idle    int           // trips from sleep
	sizes   []int         // payloads of the comparison of copy and map
	bulk    int           // payload of the bandwidth
	counted int           // trips with their system calls counted; 0: none
	locks   int64         // of the mutex, by each process
}

var (
	fullPlan  = plan{200 * time.Millisecond, 100, sizesTo(4 << 20), 256 << 10, 2000, 200_000}
	quickPlan = plan{20 * time.Millisecond, 20, sizesTo(256 << 10), 256 << 10, 500, 20_000}
)

// sizesTo is powers of four from 64 to n.
func sizesTo(n int) (s []int) {
	for k := 64; k <= n; k *= 4 {
		s = append(s, k)
	}
	return s
}

// figures is what was measured of a form.
type figures struct {
	Awake, Asleep time.Duration // medians
	Rate          float64       // messages a second
	Bandwidth     float64       // GB/s
	Calls         float64       // a trip
	NotCounted    string        // why there are no Calls, or ""
	SmallLeaves   bool          // entries are so small that 64 bytes leave in a block
	InQueue       uint64        // payload bytes that travelled in entries
	InSegment     uint64        // payload bytes that travelled in blocks
	Copied        uint64        // bytes
	Sweep         []mailbox.Crossing
}

// visit is one far process and its conversation.
type visit struct {
	ctx  context.Context
	ref  actor.Ref[Far]
	plan plan
	seq  uint64
	src  []byte // what is sent
	lent uint64 // bytes of it that went into lent buffers
}

// trip sends one message of n bytes and waits for its answer.
type trip func(v *visit, n int) error

func (v *visit) answered(seq uint64, err error) error {
	if err == nil && seq != v.seq {
		err = fmt.Errorf("the answer to %d has number %d", v.seq, seq)
	}
	v.seq++
	return err
}

func (v *visit) echo(int) error {
	return v.answered(actor.Ask(v.ctx, v.ref, Echo{Seq: v.seq}))
}

// copied sends a plain []byte: the library copies it into the queue or
// a segment, and out of it.
func (v *visit) copied(n int) error {
	stamp(v.src[:n], v.seq)
	return v.answered(actor.Ask(v.ctx, v.ref, Copy{Data: v.src[:n]}))
}

// fill lends a buffer and fills it like a program that has the bytes elsewhere.
func (v *visit) fill(n int) (actor.Buffer, error) {
	b, err := actor.Lend(v.ctx, v.ref, n)
	if err == nil {
		copy(b.Bytes(), v.src[:n])
		stamp(b.Bytes(), v.seq)
		v.lent += uint64(n)
	}
	return b, err
}

func (v *visit) mapped(n int) error {
	b, err := v.fill(n)
	if err != nil {
		return err
	}
	return v.answered(actor.Ask(v.ctx, v.ref, Map{Data: b}))
}

// median is the median time of t for about d, and at least a few times.
func (v *visit) median(t trip, n int, d time.Duration) (time.Duration, error) {
	var times []time.Duration
	for begun := time.Now(); len(times) < 16 || time.Since(begun) < d; {
		at := time.Now()
		if err := t(v, n); err != nil {
			return 0, err
		}
		times = append(times, time.Since(at))
	}
	return middleOf(times), nil
}

// asleep is the median time of a trip before which both sides have slept.
func (v *visit) asleep(t trip, n int) (time.Duration, error) {
	var times []time.Duration
	for range v.plan.idle {
		time.Sleep(time.Millisecond)
		at := time.Now()
		if err := t(v, n); err != nil {
			return 0, err
		}
		times = append(times, time.Since(at))
	}
	return middleOf(times), nil
}

// stream tells for the plan's time and waits until all has arrived.
func (v *visit) stream(tell func() error) (perSecond float64, err error) {
	begun := time.Now()
	n := 0
	for ; n < 16 || n%16 != 0 || time.Since(begun) < v.plan.each; n++ {
		if err := tell(); err != nil {
			return 0, err
		}
		v.seq++
	}
	got, err := actor.Ask(v.ctx, v.ref, Tally{})
	if err == nil && got != v.seq {
		err = fmt.Errorf("%d messages have arrived of %d", got, v.seq)
	}
	return float64(n) / time.Since(begun).Seconds(), err
}

func (v *visit) note() error { return actor.Tell(v.ctx, v.ref, Note{Seq: v.seq}) }

func (v *visit) load() error {
	b, err := v.fill(v.plan.bulk)
	if err != nil {
		return err
	}
	return actor.Tell(v.ctx, v.ref, Load{Data: b})
}

// sweep compares copy and map for each size of payload, in turn, so that other work on
// this machine affects both.
func (v *visit) sweep() (all []mailbox.Crossing, err error) {
	for _, n := range v.plan.sizes {
		var copies, maps []time.Duration
		for begun := time.Now(); len(maps) < 16 || time.Since(begun) < v.plan.each/2; {
			start := time.Now()
			err := v.copied(n)
			middle := time.Now()
			if err == nil {
				err = v.mapped(n)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sizeName(n), err)
			}
			copies = append(copies, middle.Sub(start))
			maps = append(maps, time.Since(middle))
		}
		all = append(all, mailbox.Crossing{Size: n, Copy: middleOf(copies), Map: middleOf(maps)})
	}
	return all, nil
}

// middleOf is the median without the first times, which are the warm-up.
func middleOf(times []time.Duration) time.Duration {
	times = times[len(times)/8:]
	slices.Sort(times)
	return times[len(times)/2]
}

// count has perf count the system calls of both processes for some trips.
func (v *visit) count(sup *supervisor.Supervisor, t trip, n int) (perTrip float64, notCounted string, err error) {
	if v.plan.counted == 0 {
		return 0, "switched off", nil
	}
	pids := []int{os.Getpid()}
	for _, c := range sup.Children() {
		if c.PID != 0 && c.PID != os.Getpid() {
			pids = append(pids, c.PID)
		}
	}
	counter, err := perf.Count(pids)
	if err != nil {
		return 0, err.Error(), nil
	}
	trips := v.plan.counted
	if n > smallBytes {
		trips /= 4
	}
	for range trips {
		if err = t(v, n); err != nil {
			break
		}
	}
	calls, cerr := counter.Stop()
	if err == nil && cerr != nil {
		return 0, cerr.Error(), nil
	}
	return float64(calls) / float64(trips), "", err
}
