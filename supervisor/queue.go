package supervisor

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// maxQueue bounds the frames that wait for a process that does not read.
const maxQueue = 1 << 16

// queue sends frames to a process without making the loop wait. What the kernel takes
// at once is sent at once. Only if the process does not read fast enough do frames wait
// here, and a goroutine sends them.
type queue struct {
	link    transport.Link
	workers *sync.WaitGroup
	to      receiver

	mu     sync.Mutex
	frames []queued
	busy   bool // a goroutine sends frames
	closed bool
}

// receiver is the process that a queue sends to. Its methods may be called with the
// queue's lock held, and must not wait.
type receiver interface {
	full(error)   // it does not read; called once
	unsent(error) // a frame could not be sent although it is alive; may be called several times
}

type queued struct {
	frame wire.Frame
	files []*keeper.Handle
}

// post sends a frame, or queues it. It owns the handles.
func (q *queue) post(f wire.Frame, files ...*keeper.Handle) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := queued{f, files}
	if q.closed || !q.busy && q.tries(e) {
		keeper.ReleaseAll(files)
		return
	}
	if len(q.frames) >= maxQueue {
		q.to.full(fmt.Errorf("%d frames are waiting; the link is closed", maxQueue))
		q.closed = true
		go q.link.Close()
		keeper.ReleaseAll(files)
		return
	}
	q.frames = append(q.frames, e)
	if !q.busy {
		q.busy = true
		q.workers.Go(q.run)
	}
}

// tries sends a frame if that needs no waiting, and says whether it has.
func (q *queue) tries(e queued) bool {
	l, ok := q.link.(interface {
		TrySend(frame []byte, files []transport.File) error
	})
	if !ok {
		return false
	}
	err := e.send(l.TrySend)
	if errors.Is(err, transport.ErrFull) {
		return false
	}
	q.sent(err)
	return true
}

// sent handles the outcome of a send. That a dead process does not get a frame is
// harmless. But if the kernel refuses a frame, for lack of memory or because too many
// descriptors are in flight, there may now be, say, a lane that nobody will read.
func (q *queue) sent(err error) {
	if err != nil && !errors.Is(err, transport.ErrClosed) {
		q.to.unsent(err)
	}
}

// send encodes a frame and passes it to f.
func (e queued) send(f func(frame []byte, files []transport.File) error) error {
	room := frameBuffers.Get().(*[wire.MaxFrame]byte)
	defer frameBuffers.Put(room)
	var files []transport.File
	for _, h := range e.files {
		files = append(files, h.File)
	}
	return f(wire.Append(room[:0], e.frame), files)
}

// run sends what is queued, and ends when the queue is empty.
func (q *queue) run() {
	for {
		q.mu.Lock()
		batch := q.frames
		q.frames = nil
		closed := q.closed
		if len(batch) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, e := range batch {
			if !closed {
				q.sent(e.send(q.link.Send))
			}
			keeper.ReleaseAll(e.files)
		}
	}
}

// close makes run drop what is queued. The caller then closes the link.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
