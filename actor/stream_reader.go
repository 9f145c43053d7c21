package actor

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/understudy-go/understudy/transport/wire"
)

// StreamReader is one arriving stream; see OnStream. Only the goroutine of the function
// that it was given to may use it.
type StreamReader struct {
	name   string
	total  int64
	from   wire.Addr
	key    uint64 // the sender's number of it
	policy *StreamPolicy
	ended  chan struct{} // closed when the function has returned
	result error         // of the function; read after ended
	closed chan struct{} // closed when the actor has forgotten the stream
	read   int64         // bytes that Read has given out
	cur    Buffer        // being read
	rest   []byte        // of cur

	mu    sync.Mutex
	more  sync.Cond
	queue []Buffer // arrived, not yet read, from head on
	head  int
	came  int64 // bytes that have arrived
	over  bool  // the function has returned
	err   error // why no more will arrive
}

// Name is the name that the sender gave to NewStream.
func (r *StreamReader) Name() string { return r.name }

// Total is the size of the whole stream in bytes.
func (r *StreamReader) Total() int64 { return r.total }

// OnStream registers f for the streams that NewStream sends to this actor. For each
// stream f runs in a goroutine of its own, while the actor handles other messages: so f
// must not use the actor's Context, and what it shares with handlers needs a lock.
// The error that f returns is returned by the sender's Close. What f leaves unread is
// dropped. At the end of a stream the actor waits for f, which by then has at most the
// mailbox's blocks left to read.
//
// If the sender ends too early, Read returns a *StreamError after the last byte that
// has arrived. It returns io.EOF only after all bytes of the stream.
//
// If the program kills the actor just when a stream has begun, f may be called again for
// that stream in the next process, as the handler of any message in hand (see
// supervisor.Supervisor.Kill). Once the sender's NewStream has returned, a death ends the
// stream.
func OnStream[P any](s *Setup[P], policy StreamPolicy, f func(*StreamReader) error) {
	if policy.MaxBytes <= 0 {
		policy.MaxBytes = DefaultStreamBytes
	}
	if policy.Streams <= 0 {
		policy.Streams = DefaultStreams
	}
	t := &streams{policy: policy, run: f, open: map[uint64]*StreamReader{}, kick: s.r.host.node.Kick}
	s.r.busy = t.busy
	if f == nil {
		s.r.errs = append(s.r.errs, errors.New("actor: OnStream with a nil function"))
	}
	OnAsk(s, func(c *Context, m streamOpen[P]) (streamOpened, error) {
		return t.begin(c, m.Name, m.Total, m.Key, func(id uint32) (<-chan Down, func(), error) {
			return watch(c, id, true)
		})
	})
	OnTell(s, func(c *Context, m streamBlock[P]) error { return t.block(c, m.Stream, m.Offset, m.Data) })
	OnAsk(s, func(c *Context, m streamEnd[P]) (streamEnded, error) {
		return streamEnded{}, t.end(c, m.Stream, m.Abort)
	})
	OnTell(s, func(c *Context, m streamLeave[P]) error { t.leave(c, m.Key, m.Reason); return nil })
}

// streams holds the open streams of one actor.
type streams struct {
	policy StreamPolicy
	run    func(*StreamReader) error
	kick   func() // wakes the actor's loop

	mu    sync.Mutex
	open  map[uint64]*StreamReader
	count uint64
}

var errNoStream = errors.New("actor: there is no such stream: its receiver has been restarted, or its sender's end was noticed")

// begin starts the goroutines of a stream, if the policy allows it.
func (t *streams) begin(c *Context, name string, total int64, key uint64, monitor func(uint32) (<-chan Down, func(), error)) (streamOpened, error) {
	if total < 0 || total > t.policy.MaxBytes {
		return streamOpened{Max: t.policy.MaxBytes}, nil
	}
	t.mu.Lock()
	n := len(t.open)
	t.mu.Unlock()
	if n >= t.policy.Streams {
		return streamOpened{}, fmt.Errorf("actor: %d streams are open, and StreamPolicy.Streams allows no more: %w", n, ErrFull)
	}
	r := &StreamReader{name: name, total: total, from: c.msg.Box.From, key: key, policy: &t.policy, ended: make(chan struct{}), closed: make(chan struct{})}
	r.more.L = &r.mu
	down, cancel, err := monitor(r.from.ID)
	if err != nil {
		return streamOpened{}, err
	}
	// A sender that was dead before the monitor was placed has had its lane
	// retired by now: the monitor then watches another incarnation.
	if c.host.node.Retired(r.from) {
		cancel()
		return streamOpened{}, errNoStream
	}
	id := t.add(r, uint64(c.Incarnation())<<32)
	go func() {
		r.result = t.run(r)
		r.close()
		close(r.ended)
	}()
	go func() {
		defer cancel()
		t.guard(id, r, down, c.host.node.Ended())
	}()
	return streamOpened{Stream: id}, nil
}

// add gives r a number. first differs between incarnations, so that a successor never
// knows the number of its predecessor's stream.
func (t *streams) add(r *StreamReader, first uint64) (id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	id = first | t.count
	t.open[id] = r
	return id
}

// guard ends r when its sender or this actor ends. It returns when the stream is closed:
// when its function has returned is too early, since the sender may die after that.
func (t *streams) guard(id uint64, r *StreamReader, down <-chan Down, gone <-chan struct{}) {
	select {
	case d := <-down: // after the last message of the sender has been handled
		r.fail(&StreamError{Done: r.arrived(), Total: r.total, Exit: d.Exit, Reason: "the sender has ended"})
		t.forgetLater(id, r)
	case <-r.closed:
	case <-gone:
		r.fail(&StreamError{Done: r.arrived(), Total: r.total, Reason: "the actor has ended"})
	}
}

// find returns the stream with that number, if it comes from the sender of the message
// in hand.
func (t *streams) find(c *Context, id uint64) *StreamReader {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.open[id]; r != nil && r.from == c.msg.Box.From {
		return r
	}
	return nil
}

func (t *streams) forget(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.open[id]; r != nil {
		delete(t.open, id)
		close(r.closed)
	}
	t.kick()
}

// forgetLater forgets a stream whose end nobody waits for. It counts as open until its
// function has returned: otherwise senders that give up, or die, would leave any number of
// functions running.
func (t *streams) forgetLater(id uint64, r *StreamReader) {
	go func() {
		<-r.ended
		t.forget(id)
	}()
}

// busy says whether a stream is open. While one is, this process is not replaced, since
// no other process could continue the stream.
func (t *streams) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open) > 0
}

func (t *streams) block(c *Context, id uint64, offset int64, b Buffer) error {
	r := t.find(c, id)
	if r == nil {
		return errNoStream
	}
	return r.push(offset, b)
}

// end waits until the function has returned, or the sender no longer waits.
func (t *streams) end(c *Context, id uint64, abort string) error {
	r := t.find(c, id)
	if r == nil {
		return errNoStream
	}
	if abort != "" {
		r.fail(&StreamError{Done: r.arrived(), Total: r.total, Reason: abort})
	} else if r.arrived() < r.total {
		r.fail(&StreamError{Done: r.arrived(), Total: r.total, Reason: "its sender ended it too early"})
	}
	select {
	case <-r.ended:
		t.forget(id)
		return r.result
	case <-c.Done():
		t.forgetLater(id, r)
		return c.Err()
	}
}

// leave ends a stream whose sender has stopped waiting.
func (t *streams) leave(c *Context, key uint64, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, r := range t.open {
		if r.from != c.msg.Box.From || r.key != key {
			continue
		}
		r.fail(&StreamError{Done: r.arrived(), Total: r.total, Reason: reason})
		t.forgetLater(id, r)
	}
}

// push takes a block that has arrived.
func (r *StreamReader) push(offset int64, b Buffer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil // b is released when the handler returns
	}
	if n := int64(b.Len()); offset != r.came || n == 0 || n > r.total-r.came {
		err := fmt.Errorf("actor: stream: block of %d bytes at %d, where %d of %d bytes have arrived", n, offset, r.came, r.total)
		if r.err == nil {
			r.err = &StreamError{Done: r.came, Total: r.total, Reason: err.Error()}
			r.more.Signal()
		}
		return err
	}
	b.Keep()
	if r.head > 0 && len(r.queue) == cap(r.queue) {
		r.queue, r.head = r.queue[:copy(r.queue, r.queue[r.head:])], 0
	}
	r.queue = append(r.queue, b)
	r.came += int64(b.Len())
	r.more.Signal()
	return nil
}

func (r *StreamReader) arrived() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.came
}

func (r *StreamReader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		r.more.Signal()
	}
}

// close releases what was not read.
func (r *StreamReader) close() {
	r.cur.Release()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for _, b := range r.queue[r.head:] {
		b.Release()
	}
	r.queue, r.head = nil, 0
}

// next waits until rest has bytes that were not read yet.
func (r *StreamReader) next() error {
	if len(r.rest) > 0 {
		return nil
	}
	if r.read == r.total {
		return io.EOF
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.head == len(r.queue) {
		if r.err != nil {
			return r.err
		}
		r.more.Wait()
	}
	r.cur = r.queue[r.head]
	r.head++
	r.rest = r.cur.Bytes()
	return nil
}

// took records that n bytes of rest have been read. A block that was read to its end
// goes back to the sender, as its credit.
func (r *StreamReader) took(n int) {
	r.rest = r.rest[n:]
	r.read += int64(n)
	if len(r.rest) == 0 {
		r.cur.Release()
		if r.policy.Progress != nil {
			r.policy.Progress(r, r.read, r.total)
		}
	}
}

// Read copies bytes that have arrived, and waits if there are none; see OnStream.
func (r *StreamReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.next(); err != nil {
		return 0, err
	}
	n := copy(p, r.rest)
	r.took(n)
	return n, nil
}

// WriteTo writes the rest of the stream to w, straight out of the blocks.
func (r *StreamReader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		if err := r.next(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		k, err := w.Write(r.rest)
		n += int64(k)
		r.took(k)
		if err != nil {
			return n, err
		}
	}
}
