package main

import "time"

// trips counts and times round trips, one outstanding.
type trips interface {
	leave()         // a trip begins
	back() bool     // it is complete; false: that was the last one
	result() Result // afterwards
}

// echo is the workload echo: after a warm-up, trips with the clock read every
// 64, for mean and CPU time, then each trip timed by one read of the clock.
type echo struct {
	plan  Plan
	pids  []int
	phase int
	n     int // trips of this phase
	begun time.Time
	last  time.Duration // when the last trip was complete, since begun
	cpu   int64
	times []uint32 // ns
	res   Result
}

// The phases of an echo.
const (
	warming = iota
	averaging
	timing
)

func newEcho(p Plan, pids []int) *echo {
	return &echo{plan: p, pids: pids, begun: time.Now(), times: make([]uint32, 0, 4<<20)}
}

func (e *echo) leave() {}

func (e *echo) back() bool {
	e.n++
	switch e.phase {
	case warming:
		if e.n < e.plan.WarmN && (e.n&15 != 0 || time.Since(e.begun) < e.plan.Warm) {
			return true
		}
		e.phase, e.n, e.cpu, e.begun = averaging, 0, cpuTime(e.pids), time.Now()
	case averaging:
		if e.n&63 != 0 {
			return true
		}
		if d := time.Since(e.begun); d >= e.plan.Echo/2 {
			e.res.Mean = float64(d) / float64(e.n)
			e.res.CPU = float64(cpuTime(e.pids)-e.cpu) / float64(e.n)
			e.res.N = e.n
			e.phase, e.n, e.begun, e.last = timing, 0, time.Now(), 0
		}
	case timing:
		d := time.Since(e.begun)
		if len(e.times) < cap(e.times) {
			e.times = append(e.times, uint32(d-e.last))
		}
		e.last = d
		return d < e.plan.Echo/2
	}
	return true
}

func (e *echo) result() Result {
	e.res.Work = "echo"
	e.res.N += len(e.times)
	e.res.P50, e.res.P99 = percentiles(e.times)
	return e.res
}

// idle is the workload echo-idle: a trip each millisecond, so that both sides
// have gone to sleep in between. Only the trip is timed.
type idle struct {
	pids  []int
	left  int
	skip  int // trips of the warm-up
	n     int
	cpu   int64
	begun time.Time
	times []uint32
}

func newIdle(p Plan, pids []int) *idle {
	const warm = 5
	return &idle{pids: pids, left: p.Idle + warm, skip: warm, cpu: cpuTime(pids), times: make([]uint32, 0, p.Idle)}
}

func (i *idle) leave() {
	time.Sleep(time.Millisecond)
	i.begun = time.Now()
}

func (i *idle) back() bool {
	d := time.Since(i.begun)
	i.n++
	if i.n > i.skip {
		i.times = append(i.times, uint32(d))
	}
	return i.n < i.left
}

func (i *idle) result() Result {
	r := Result{Work: "echo-idle", N: len(i.times), CPU: float64(cpuTime(i.pids)-i.cpu) / float64(i.n)}
	for _, v := range i.times {
		r.Mean += float64(v) / float64(len(i.times))
	}
	r.P50, r.P99 = percentiles(i.times)
	return r
}
