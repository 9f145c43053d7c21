package sock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/poll"
)

// Bounds of a link.
const (
	MaxFrame = 64 << 10 // bytes of a frame; those of package wire are shorter
	MaxFiles = 8        // descriptors with a frame
)

// TruncatedError says that a frame or its descriptors did not arrive whole. Nothing of
// it was kept. The link can still be used.
type TruncatedError struct {
	What string // "frame" or "descriptors"
	Got  int    // bytes or descriptors that arrived
	Room int    // bytes or descriptors that would have fitted
	Err  error  // a *transport.LimitError if this process is out of descriptors, or nil

	// Frame holds the bytes of a frame that has lost its descriptors, which may
	// say what was lost.
	Frame []byte
}

func (e *TruncatedError) Error() string {
	s := fmt.Sprintf("sock: %s cut off: %d arrived, there was room for %d; nothing of it was kept", e.What, e.Got, e.Room)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the limit that was hit, if any.
func (e *TruncatedError) Unwrap() error { return e.Err }

// errClosed is the error of an operation on a link that was closed in this process.
var errClosed = errors.New("closed by this process")

// link implements transport.Link.
type link struct {
	conn *conn

	mu     sync.Mutex
	reader func() bool // of Listen
	watch  *poll.Watch // nil before Listen
	closed bool
}

// New makes a link of one end of a Pair. It takes ownership of f, also when it fails.
func New(f *os.File) (transport.Link, error) {
	c, err := newConn(f)
	if err != nil {
		return nil, fmt.Errorf("sock: not a socket, or out of descriptors: %w", err)
	}
	return &link{conn: c}, nil
}

// Send sends one frame; see transport.Link. The kernel takes a frame whole, so
// frames of concurrent senders never mix.
func (l *link) Send(frame []byte, files []transport.File) error {
	return l.send(frame, files, l.conn.write)
}

// TrySend is Send, but instead of waiting it fails with transport.ErrFull. Then the
// frame was not sent.
func (l *link) TrySend(frame []byte, files []transport.File) error {
	return l.send(frame, files, l.conn.tryWrite)
}

func (l *link) send(frame []byte, files []transport.File, write func(frame, oob []byte) error) error {
	if err := check(frame, files); err != nil {
		return err
	}
	if len(files) == 0 {
		return sendError(write(frame, nil))
	}
	return withFDs(files, nil, func(fds []int) error { return sendError(write(frame, unix.UnixRights(fds...))) })
}

// check returns an error if something cannot be sent as a frame.
func check(frame []byte, files []transport.File) error {
	if len(frame) == 0 {
		return errors.New("sock: a frame cannot be empty: the peer would take it for the end")
	}
	if len(frame) > MaxFrame {
		return &transport.SizeError{What: "frame", Size: len(frame), Limit: MaxFrame, Remedy: "send it in several frames"}
	}
	if len(files) > MaxFiles {
		return fmt.Errorf("sock: %d descriptors with a frame are over the limit of %d; send them with several frames", len(files), MaxFiles)
	}
	return nil
}

// withFDs calls f with the descriptors of all files, which stay open meanwhile.
func withFDs(files []transport.File, fds []int, f func([]int) error) error {
	if len(files) == 0 {
		return f(fds)
	}
	defer runtime.KeepAlive(files[0])
	return sys.FD(files[0], func(fd int) error { return withFDs(files[1:], append(fds, fd), f) })
}

func sendError(err error) error {
	var e syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errClosed), errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return fmt.Errorf("sock: send: %w: %w", transport.ErrClosed, err)
	case errors.Is(err, unix.EAGAIN):
		return transport.ErrFull
	case errors.As(err, &e):
		return sys.Limited("sock: send", e)
	}
	return fmt.Errorf("sock: send: %w", err)
}

// Listen calls read when there is something to receive; see transport.Link.
func (l *link) Listen(read func() bool) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("sock: listen: %w", transport.ErrClosed)
	}
	l.reader = read
	if l.watch, err = poll.Start(l.conn.raw, func() { go l.listen() }); err != nil {
		return fmt.Errorf("sock: listen: %w", err)
	}
	return nil
}

// listen is the body of a goroutine that exists while there is something to read.
func (l *link) listen() {
	l.mu.Lock()
	watch := l.watch
	l.mu.Unlock()
	for l.conn.readable() {
		if !l.reader() {
			watch.Stop()
			return
		}
	}
	if watch.Again() {
		return
	}
	for l.reader() { // the link is being closed, as reader learns from Receive
	}
}

// most is how many descriptors the kernel lets travel together. There is room for all of
// them, though more than MaxFiles are refused: what has no room is closed by the kernel in
// Receive, which may wait as Close would.
const most = 253

// controls are for the control messages of frames.
var controls = sync.Pool{New: func() any { b := make([]byte, unix.CmsgSpace(most*4)); return &b }}

// Receive reads the next frame; see transport.Link.
func (l *link) Receive(buf []byte) (n int, files []transport.File, err error) {
	oob := controls.Get().(*[]byte)
	defer controls.Put(oob)
	n, oobn, flags, err := l.read(buf, *oob)
	got, perr := parseFiles((*oob)[:oobn])
	switch {
	case err != nil:
	case perr != nil:
		err = fmt.Errorf("sock: control message: %w", perr)
	case flags&unix.MSG_TRUNC != 0:
		err = &TruncatedError{What: "frame", Got: n, Room: len(buf)}
	case flags&unix.MSG_CTRUNC != 0, len(got) > MaxFiles:
		err = cutOff(len(got), buf[:n])
	case n == 0:
		err = io.EOF // an empty frame, which no peer of ours sends
	default:
		for _, fd := range got {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
		return n, files, nil
	}
	closeAll(got)
	return 0, nil, err
}

// closeAll closes descriptors that a peer has sent.
func closeAll(fds []int) {
	if len(fds) == 0 {
		return
	}
	sys.Briefly(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
}

// Close closes a descriptor that has come from another process. It does not wait for what
// that process may have made it wait for, such as a socket with SO_LINGER.
func Close(f transport.File) (err error) {
	sys.Briefly(func() { err = f.Close() })
	return err
}

// cutOff returns the error for missing descriptors: there were too many of them, or
// this process is out of descriptors.
func cutOff(got int, frame []byte) error {
	e := &TruncatedError{What: "descriptors", Got: got, Room: MaxFiles, Frame: bytes.Clone(frame)}
	if got < MaxFiles {
		e.Err = sys.Limited("sock: receive descriptors", unix.EMFILE)
	}
	return e
}

// read reads one frame with its control message.
func (l *link) read(buf, oob []byte) (n, oobn, flags int, err error) {
	n, oobn, flags, err = l.conn.read(buf, oob)
	switch {
	case err == nil:
		return n, oobn, flags, nil
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
		// When the peer dies with frames of ours unread, the kernel returns ECONNRESET
		// once, before it delivers the frames that the peer had sent.
		return l.conn.lastFrame(buf, oob)
	case errors.Is(err, errClosed):
		return 0, oobn, flags, fmt.Errorf("sock: receive: %w: %w", transport.ErrClosed, err)
	}
	return 0, oobn, flags, fmt.Errorf("sock: receive: %w", err)
}

// parseFiles returns the descriptors in a control message; with an error, those that
// it has found so far.
func parseFiles(oob []byte) (fds []int, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range msgs {
		if msgs[i].Header.Level != unix.SOL_SOCKET || msgs[i].Header.Type != unix.SCM_RIGHTS {
			continue
		}
		more, err := unix.ParseUnixRights(&msgs[i])
		fds = append(fds, more...)
		if err != nil {
			return fds, err
		}
	}
	return fds, nil
}

// CloseRead closes the link for reading: frames that have arrived can still be received,
// and io.EOF after them, but the peer can send no more.
func (l *link) CloseRead() error {
	if err := l.conn.closeRead(); err != nil && !errors.Is(err, errClosed) {
		return fmt.Errorf("sock: close for reading: %w", err)
	}
	return nil
}

// Close ends the link; see transport.Link. It may be called again.
func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed = true; l.watch != nil && l.watch.Stop() {
		defer func() { go l.listen() }() // so that reader learns of the end
	}
	if err := l.conn.close(); err != nil && !errors.Is(err, errClosed) {
		return fmt.Errorf("sock: close: %w", err)
	}
	return nil
}
