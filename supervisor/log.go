package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// maxRecords bounds the records that wait for a reader that hangs.
const maxRecords = 256

// patientLog returns log behind a queue, so that nobody waits for a reader that hangs: a
// pipe that is not read, a terminal that was stopped, a disk that is broken. Otherwise
// the supervisor's loop would stand still and restart and stop nothing.
func patientLog(log *slog.Logger) (*slog.Logger, *logQueue) {
	q := &logQueue{first: log.Handler()}
	return slog.New(&patientHandler{log.Handler(), q}), q
}

// patientHandler passes records to next through a queue.
type patientHandler struct {
	next  slog.Handler
	queue *logQueue
}

func (h *patientHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h *patientHandler) Handle(ctx context.Context, r slog.Record) error {
	h.queue.add(func() { _ = h.next.Handle(ctx, r) }) // an error of the log must not matter
	return nil
}

func (h *patientHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return &patientHandler{h.next.WithAttrs(a), h.queue}
}

func (h *patientHandler) WithGroup(name string) slog.Handler {
	return &patientHandler{h.next.WithGroup(name), h.queue}
}

// logQueue holds what waits to be logged, in order. As long as the reader reads, nothing
// waits in it: each caller returns when its record has been written. The goroutine
// exists only while there is work.
type logQueue struct {
	first slog.Handler // gets the number of records that were dropped

	mu     sync.Mutex
	queue  []func()
	idle   chan struct{} // closed when the queue is empty; nil while there is nothing to do
	hangs  bool          // a caller waited in vain, and no record has been written quickly since
	missed uint64        // dropped records that were not reported yet
	spent  time.Duration // in writes that have returned
	begun  time.Time     // when the current write began; zero if there is none
}

// add calls write once everything that was added before has been written. It waits for
// that, but not longer than flushTime, and not again for a reader that hangs. If too much
// waits already, it drops write, and what comes next, until half of the queue has been
// written: then the gap is reported in its place.
func (q *logQueue) add(write func()) {
	q.mu.Lock()
	room := maxRecords
	if q.missed > 0 {
		room /= 2
	}
	if len(q.queue) >= room {
		q.missed++
		q.mu.Unlock()
		return
	}
	if n := q.missed; n > 0 {
		q.missed = 0
		q.queue = append(q.queue, func() { q.dropped(n) })
	}
	done := make(chan struct{})
	q.queue = append(q.queue, func() { write(); close(done) })
	if q.idle == nil {
		q.idle = make(chan struct{})
		go q.run()
	}
	hangs := q.hangs
	q.mu.Unlock()
	if !hangs && !q.wait(done) {
		q.mu.Lock()
		q.hangs = q.idle != nil // unless everything has been written just now
		q.mu.Unlock()
	}
}

// run writes what is queued until the queue is empty.
func (q *logQueue) run() {
	for {
		q.mu.Lock()
		if n := q.missed; n > 0 && len(q.queue) == 0 {
			q.missed = 0
			q.queue = append(q.queue, func() { q.dropped(n) })
		}
		if len(q.queue) == 0 {
			close(q.idle)
			q.queue, q.idle, q.hangs = nil, nil, false
			q.mu.Unlock()
			return
		}
		write := q.queue[0]
		q.queue = q.queue[1:]
		q.begun = time.Now()
		q.mu.Unlock()
		write()
		q.mu.Lock()
		took := time.Since(q.begun)
		q.spent, q.begun = q.spent+took, time.Time{}
		q.hangs = q.hangs && took >= flushTime // a quick write shows that it reads again
		q.mu.Unlock()
	}
}

// wait says whether done is closed before the reader has taken flushTime. The time in
// which this process has no processor for it does not count.
func (q *logQueue) wait(done <-chan struct{}) bool {
	before := q.taken()
	for left := flushTime; left > 0; left = flushTime - (q.taken() - before) {
		if within(left, done) {
			return true
		}
	}
	return false
}

// taken is the total time spent in writes.
func (q *logQueue) taken() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.begun.IsZero() {
		return q.spent
	}
	return q.spent + time.Since(q.begun)
}

// flush waits until everything is written, but not longer than flushTime: a reader that
// hung may read again.
func (q *logQueue) flush() {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	if idle != nil {
		q.wait(idle)
	}
}

// dropped reports that n records were dropped.
func (q *logQueue) dropped(n uint64) {
	ctx := context.Background()
	if !q.first.Enabled(ctx, slog.LevelWarn) {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "records of the log were dropped: its reader is too slow", 0)
	r.AddAttrs(slog.Uint64("records", n))
	_ = q.first.Handle(ctx, r)
}

// within says whether done is closed within d.
func within(d time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// lastTime is how long the end of a program waits for the reader of its stderr to read
// the reason: longer than for lines that are only of interest.
const lastTime = 2 * time.Second

// say writes a line to stderr, but waits at most longest for a reader that hangs: neither
// the end of a program nor the signal that asks for it may depend on the reader.
func say(longest time.Duration, format string, args ...any) {
	done := make(chan struct{})
	go func() {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		close(done)
	}()
	within(longest, done)
}
