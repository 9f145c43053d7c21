package supervisor

import (
	"errors"
	"sync"

	"github.com/understudy-go/understudy/supervisor/internal/keeper"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// maxQueue bounds the frames that wait for a process that does not read. Tests change it.
var maxQueue = 1 << 16

// queue sends frames to a process without making the loop wait. What the kernel takes
// at once is sent at once. Only if the process does not read fast enough do frames wait
// here, and a goroutine sends them.
type queue struct {
	link    transport.Link
	workers *sync.WaitGroup
	to      receiver

	mu      sync.Mutex
	frames  []queued
	members map[uint32]int    // by pool, the place in frames of its Members
	caused  map[wire.Addr]int // how many frames wait because of other processes
	own     int               // how many of frames do not
	busy    bool              // a goroutine sends frames
	closed  bool
}

// maxCaused bounds the frames that one process makes wait for another one.
const maxCaused = 1 << 13

// receiver is the process that a queue sends to. Its methods may be called with the
// queue's lock held, and must not wait.
type receiver interface {
	full()        // it does not read, and gets no more frames; called once
	unsent(error) // a frame could not be sent although it is alive; may be called several times

	// occupied reports that another process has made too many frames wait. It is called
	// for each further one, by the loop.
	occupied(by wire.Addr)
}

type queued struct {
	frame wire.Frame
	files []*keeper.Handle
	cause wire.Addr // the process because of which it waits, or zero
}

// post sends a frame, or queues it. It owns the handles.
func (q *queue) post(f wire.Frame, files ...*keeper.Handle) {
	q.postFor(wire.Addr{}, f, files...)
}

// postFor is post for a frame that is due to what another process, cause, has sent. Only
// the loop calls it.
func (q *queue) postFor(cause wire.Addr, f wire.Frame, files ...*keeper.Handle) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := queued{f, files, cause}
	if q.closed || !q.busy && q.tries(e) || q.renews(f) {
		keeper.ReleaseAll(files)
		return
	}
	if !q.counts(e.cause) {
		keeper.ReleaseAll(files)
		return
	}
	if m, ok := f.(*wire.Members); ok {
		if q.members == nil {
			q.members = map[uint32]int{}
		}
		q.members[m.ID] = len(q.frames)
	}
	q.frames = append(q.frames, e)
	if !q.busy {
		q.busy = true
		q.workers.Go(q.run)
	}
}

// poster returns how frames are posted to r while the frame of some process is handled:
// it is counted how many wait because of that process.
func (s *Supervisor) poster(r *running) keeper.Post {
	return func(f wire.Frame, files ...*keeper.Handle) {
		cause := s.cause
		if cause == r.addr {
			cause = wire.Addr{}
		}
		r.queue.postFor(cause, f, files...)
	}
}

// counts counts one more frame that waits because of cause, or says that there are too
// many already.
func (q *queue) counts(cause wire.Addr) bool {
	if (cause == wire.Addr{}) {
		if q.own >= maxQueue {
			q.closed = true
			q.to.full()
			return false
		}
		q.own++
		return true
	}
	if q.caused[cause] >= maxCaused {
		q.to.occupied(cause)
		return false
	}
	if q.caused == nil {
		q.caused = map[wire.Addr]int{}
	}
	q.caused[cause]++
	return true
}

// renews says whether f, the members of a pool, has taken the place of those that wait.
// Otherwise a process that joins and leaves a group again and again could make any number
// wait, each with the numbers of all members.
func (q *queue) renews(f wire.Frame) bool {
	m, ok := f.(*wire.Members)
	if !ok {
		return false
	}
	i, ok := q.members[m.ID]
	if ok {
		q.frames[i].frame = f
	}
	return ok
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
		q.frames, q.members, q.own = nil, nil, 0
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
			q.passed(e.cause)
		}
	}
}

// passed counts a frame that waits no more.
func (q *queue) passed(cause wire.Addr) {
	if (cause == wire.Addr{}) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.caused[cause]--; q.caused[cause] == 0 {
		delete(q.caused, cause)
	}
}

// close makes run drop what is queued. The caller then closes the link.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
