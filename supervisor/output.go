package supervisor

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxOutput bounds what waits for a slow reader of a child's output, in bytes.
const maxOutput = 1 << 20

// output stands between a child and whoever reads what it writes, so that a
// reader that is slow or hangs holds up nobody: what does not fit is dropped,
// and its lines are counted.
type output struct {
	emit    func([]byte)
	lost    func(lines uint64)
	dropped *atomic.Uint64 // lines, for as long as the child is known
	done    chan struct{}  // closed when everything was emitted after close

	mu     sync.Mutex
	work   sync.Cond
	queue  [][]byte
	bytes  int
	missed uint64 // lines that the reader was not told of
	closed bool
}

func newOutput(dropped *atomic.Uint64, emit func([]byte), lost func(uint64)) *output {
	o := &output{emit: emit, lost: lost, dropped: dropped, done: make(chan struct{})}
	o.work.L = &o.mu
	go o.run()
	return o
}

// writerOutput is an output that writes to w.
func writerOutput(dropped *atomic.Uint64, w io.Writer, lost func(uint64)) *output {
	return newOutput(dropped, func(b []byte) { _, _ = w.Write(b) }, lost) // a broken sink is not the child's fault
}

// Write queues a copy of b, or drops it. It never blocks.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes+len(b) > maxOutput || o.closed {
		n := uint64(max(1, bytes.Count(b, []byte("\n"))))
		o.missed += n
		o.dropped.Add(n)
		return len(b), nil
	}
	o.queue = append(o.queue, bytes.Clone(b))
	o.bytes += len(b)
	o.work.Signal()
	return len(b), nil
}

func (o *output) run() {
	defer close(o.done)
	for {
		o.mu.Lock()
		for len(o.queue) == 0 && o.missed == 0 && !o.closed {
			o.work.Wait()
		}
		batch, missed := o.queue, o.missed
		o.queue, o.bytes, o.missed = nil, 0, 0
		end := o.closed
		o.mu.Unlock()
		for _, b := range batch {
			o.emit(b)
		}
		if missed > 0 {
			o.lost(missed)
		}
		if end {
			return
		}
	}
}

// flushTime bounds how long the end of a child waits for its reader.
const flushTime = 200 * time.Millisecond

// close lets what is queued be emitted, for a while.
func (o *output) close() {
	o.mu.Lock()
	o.closed = true
	o.work.Signal()
	o.mu.Unlock()
	t := time.NewTimer(flushTime)
	defer t.Stop()
	select {
	case <-o.done:
	case <-t.C:
	}
}
