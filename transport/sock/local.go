package sock

import (
	"cmp"
	"fmt"
	"io"
	"sync"

	"github.com/understudy-go/understudy/transport"
)

// Local makes a link with both ends in this process, for an actor that runs in its
// supervisor's process. It behaves like a Pair, but has no sockets. The files of a frame
// are duplicated, as the kernel would, so that each side has its own.
func Local() (a, b transport.Link) {
	x, y := &way{}, &way{}
	return &local{out: x, in: y}, &local{out: y, in: x}
}

// local is one end.
type local struct{ out, in *way }

// wayBytes is how many bytes of frames may be on their way in one direction
// before a sender waits, about what a socket takes.
const wayBytes = 256 << 10

// way is one direction of a local link.
type way struct {
	mu     sync.Mutex
	frames []localFrame
	bytes  int           // of frames
	change chan struct{} // closed when any of this changes; nil when nobody waits
	read   func() bool   // of Listen, until it has returned false
	reads  bool          // a goroutine is calling read
	shut   bool          // takes no more frames; those that are there can still be received
	cause  error         // what Receive returns at the end in place of io.EOF; nil: io.EOF
	closed bool          // by the receiver: nothing can be received any more
}

type localFrame struct {
	frame []byte
	files []transport.File
}

// Send sends one frame; see transport.Link.
func (l *local) Send(frame []byte, files []transport.File) error {
	return l.out.send(frame, files, true)
}

// TrySend is Send, but fails with transport.ErrFull instead of waiting.
func (l *local) TrySend(frame []byte, files []transport.File) error {
	return l.out.send(frame, files, false)
}

func (w *way) send(frame []byte, files []transport.File, wait bool) error {
	if err := check(frame, files); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.shut && w.bytes+len(frame) > wayBytes {
		if !wait {
			return transport.ErrFull
		}
		w.await()
	}
	if w.shut {
		return fmt.Errorf("sock: send: %w: %w", transport.ErrClosed, errClosed)
	}
	f := localFrame{frame: append([]byte(nil), frame...)}
	for _, file := range files {
		own, err := duplicate(file)
		if err != nil {
			f.drop()
			return fmt.Errorf("sock: send: %w", err)
		}
		f.files = append(f.files, own)
	}
	w.frames, w.bytes = append(w.frames, f), w.bytes+len(frame)
	w.changed()
	return nil
}

// Receive reads the next frame; see transport.Link.
func (l *local) Receive(buf []byte) (n int, files []transport.File, err error) {
	w := l.in
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.readable() {
		w.await()
	}
	switch {
	case w.closed:
		return 0, nil, fmt.Errorf("sock: receive: %w: %w", transport.ErrClosed, errClosed)
	case len(w.frames) == 0:
		return 0, nil, cmp.Or(w.cause, io.EOF)
	}
	f := w.frames[0]
	w.frames, w.bytes = w.frames[1:], w.bytes-len(f.frame)
	if len(w.frames) == 0 {
		w.frames = nil // a link is idle most of the time
	}
	w.changed()
	if len(f.frame) > len(buf) {
		f.drop()
		return 0, nil, &TruncatedError{What: "frame", Got: len(buf), Room: len(buf)}
	}
	return copy(buf, f.frame), f.files, nil
}

// Listen calls read when there is something to receive; see transport.Link.
func (l *local) Listen(read func() bool) error {
	w := l.in
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fmt.Errorf("sock: listen: %w: %w", transport.ErrClosed, errClosed)
	}
	w.read = read
	w.changed()
	return nil
}

// CloseRead closes the link for reading; see link.CloseRead.
func (l *local) CloseRead() error {
	l.in.end(false)
	return nil
}

// CloseWrite closes the link for writing: the other end can still receive the frames that
// are on their way, and io.EOF after them.
func (l *local) CloseWrite() error {
	l.out.end(false)
	return nil
}

// Break closes a link because of err. If the other end is in this process, too (see
// Local), its Receive then fails with err in place of io.EOF.
func Break(l transport.Link, err error) {
	if l, ok := l.(*local); ok {
		l.out.mu.Lock()
		l.out.cause = err
		l.out.mu.Unlock()
	}
	l.Close()
}

// Close ends the link; see transport.Link. It may be called again.
func (l *local) Close() error {
	l.out.end(false)
	l.in.end(true)
	return nil
}

// end makes w take no more frames. Frames on their way are lost if the receiver has
// closed the link.
func (w *way) end(closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shut, w.closed = true, w.closed || closed
	if w.closed {
		for _, f := range w.frames {
			f.drop()
		}
		w.frames, w.bytes = nil, 0
	}
	w.changed()
}

// readable reports whether Receive would not wait. w.mu is held.
func (w *way) readable() bool { return len(w.frames) > 0 || w.shut || w.closed }

// await waits for a change. w.mu is held, but unlocked meanwhile.
func (w *way) await() {
	if w.change == nil {
		w.change = make(chan struct{})
	}
	change := w.change
	w.mu.Unlock()
	<-change
	w.mu.Lock()
}

// changed wakes all waiters, and starts a goroutine that reads for a Listen if there is
// something to read. w.mu is held.
func (w *way) changed() {
	if w.change != nil {
		close(w.change)
		w.change = nil
	}
	if w.read != nil && !w.reads && w.readable() {
		w.reads = true
		go w.listen()
	}
}

// listen is the body of a goroutine that exists while there is something to read.
func (w *way) listen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.read != nil && w.readable() {
		read := w.read
		w.mu.Unlock()
		more := read()
		w.mu.Lock()
		if !more {
			w.read = nil
		}
	}
	w.reads = false
}

func (f localFrame) drop() {
	for _, file := range f.files {
		file.Close()
	}
}
