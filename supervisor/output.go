package supervisor

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxOutput bounds what waits for a slow reader of a child's output, in bytes,
// including what the reader is processing.
const maxOutput = 1 << 20

// output stands between a child and the reader of what it writes, so that a reader
// that is slow or hangs holds up nobody: what does not fit is dropped, and its lines
// are counted. It belongs to the child, not to an incarnation: a reader that hangs for
// ever costs one goroutine and maxOutput, however often the child is restarted. The
// goroutine exists only while there is work.
type output struct {
	emit    func([]byte)
	lost    func(lines uint64)
	dropped *atomic.Uint64 // lines, over all incarnations of the child

	mu     sync.Mutex
	queue  [][]byte
	bytes  int           // of queue, and of what emit is processing
	missed uint64        // dropped lines that lost was not told of yet
	idle   chan struct{} // closed when the queue is empty; nil while there is nothing to do
	hangs  bool          // a flush waited in vain, and emit has not returned since
	spent  time.Duration // in calls of emit that have returned
	begun  time.Time     // when the current call of emit began; zero if there is none
}

// writerOutput is an output that writes to w.
func writerOutput(dropped *atomic.Uint64, w io.Writer, lost func(uint64)) *output {
	return &output{dropped: dropped, lost: lost, emit: func(b []byte) { _, _ = w.Write(b) }} // a broken sink is not the child's fault
}

// Write queues a copy of b, or drops it. It never blocks.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes+len(b) > maxOutput {
		n := uint64(max(1, bytes.Count(b, []byte("\n"))))
		o.missed += n
		o.dropped.Add(n)
		return len(b), nil
	}
	o.queue = append(o.queue, bytes.Clone(b))
	o.bytes += len(b)
	if o.idle == nil {
		o.idle = make(chan struct{})
		go o.run()
	}
	return len(b), nil
}

// run emits what is queued until the queue is empty.
func (o *output) run() {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 && o.missed == 0 {
			close(o.idle)
			o.idle = nil
			o.mu.Unlock()
			return
		}
		batch, missed := o.queue, o.missed
		o.queue, o.missed = nil, 0
		o.mu.Unlock()
		for i, b := range batch {
			o.mu.Lock()
			o.begun = time.Now()
			o.mu.Unlock()
			o.emit(b)
			batch[i] = nil
			o.mu.Lock()
			o.spent, o.begun = o.taken(), time.Time{}
			o.bytes -= len(b)
			o.hangs = false
			o.mu.Unlock()
		}
		if missed > 0 {
			o.lost(missed)
		}
	}
}

// taken is the total time spent in emit. mu is held.
func (o *output) taken() time.Duration {
	if o.begun.IsZero() {
		return o.spent
	}
	return o.spent + time.Since(o.begun)
}

// flushTime bounds how long the end of a child waits for its reader. Only the time that
// the reader takes counts, not the time in which this process has no processor for it.
const flushTime = 200 * time.Millisecond

// flush waits until everything queued was emitted, but not longer than flushTime, and
// not again for a reader that hangs.
func (o *output) flush() {
	o.mu.Lock()
	idle, hangs, before := o.idle, o.hangs, o.taken()
	o.mu.Unlock()
	if hangs {
		return
	}
	for left := flushTime; idle != nil && left > 0; {
		if within(left, idle) {
			return
		}
		o.mu.Lock()
		left = flushTime - (o.taken() - before)
		o.hangs = left <= 0
		o.mu.Unlock()
	}
}
