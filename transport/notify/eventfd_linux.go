package notify

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
	"github.com/understudy-go/understudy/transport/poll"
)

// Eventfd is the form "eventfd": each peer has an eventfd of its own, which package
// poll watches.
type Eventfd struct {
	timer *time.Timer // of Wait; nil until one has a timeout

	mu     sync.Mutex
	kick   chan struct{}           // holds a wake-up that no Wait has taken; nil before the first Wait
	early  bool                    // the same, while kick is nil
	parked func()                  // resume of a Park, until the next Interrupt
	files  map[*eventFile]struct{} // open ones
	closed bool
}

// NewEventfd returns the eventfd form.
func NewEventfd() (transport.Notifier, error) {
	return new(Eventfd), nil
}

// Wait sleeps until a peer writes its eventfd; see transport.Notifier. It
// blocks a goroutine, not a thread.
func (n *Eventfd) Wait(bells []transport.Bell, timeout time.Duration) error {
	if changed(bells) {
		return nil
	}
	kick := n.kicks()
	if timeout <= 0 {
		<-kick
		return nil
	}
	if n.timer == nil {
		n.timer = time.NewTimer(timeout)
	} else {
		n.timer.Reset(timeout)
	}
	select {
	case <-kick:
		n.timer.Stop()
	case <-n.timer.C:
	}
	return nil
}

// kicks returns kick. It makes it for the first Wait: a process that only parks does
// without.
func (n *Eventfd) kicks() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.kick == nil {
		n.kick = make(chan struct{}, 1)
		if n.early {
			n.kick <- struct{}{}
			n.early = false
		}
	}
	return n.kick
}

// Park is Wait without a waiting goroutine: when Wait would return, resume is called in
// a new one. The caller has looked at the bells.
func (n *Eventfd) Park(resume func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	came := n.early
	n.early = false
	select {
	case <-n.kick:
		came = true
	default:
	}
	if came {
		go resume()
		return
	}
	n.parked = resume
}

// Interrupt makes a Wait return, and ends a Park; see transport.Notifier.
func (n *Eventfd) Interrupt() {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.parked != nil:
		go n.parked()
		n.parked = nil
	case n.kick == nil:
		n.early = true
	default:
		select {
		case n.kick <- struct{}{}:
		default: // a wake-up is pending already
		}
	}
}

// Wake wakes a peer; see transport.Notifier.
func (*Eventfd) Wake(word transport.Word, fd int) error { return wake(word, fd) }

// NewFD returns an eventfd to be passed to one peer. This process listens on the same
// file, so the caller keeps it open as long as the peer may wake this process; its Close
// ends the listening.
func (n *Eventfd) NewFD() (transport.File, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, sys.Limited("notify: eventfd", err)
	}
	f := &eventFile{File: os.NewFile(uintptr(fd), "eventfd"), n: n}
	raw, err := f.SyscallConn()
	if err != nil {
		f.File.Close()
		return nil, fmt.Errorf("notify: eventfd: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		f.File.Close()
		return nil, fmt.Errorf("notify: new eventfd: %w", transport.ErrClosed)
	}
	if f.watch, err = poll.Start(raw, func() { f.rang(raw) }); err != nil {
		f.File.Close()
		return nil, fmt.Errorf("notify: new eventfd: %w", err)
	}
	if n.files == nil {
		n.files = make(map[*eventFile]struct{})
	}
	n.files[f] = struct{}{}
	return f, nil
}

// rang resets an eventfd that was written, and makes Wait return.
func (f *eventFile) rang(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) { drain(int(fd)) })
	f.n.Interrupt()
	f.n.mu.Lock()
	watch := f.watch
	f.n.mu.Unlock()
	watch.Again()
}

// Close closes all eventfds.
func (n *Eventfd) Close() error {
	n.mu.Lock()
	files := n.files
	n.files, n.closed = nil, true
	n.mu.Unlock()
	for f := range files {
		f.watch.Stop()
		f.File.Close()
	}
	return nil
}

// eventFile is an eventfd on which its notifier listens.
type eventFile struct {
	*os.File
	n     *Eventfd
	watch *poll.Watch
}

// Close ends the listening and closes the eventfd. It may be called again.
func (f *eventFile) Close() error {
	f.n.mu.Lock()
	delete(f.n.files, f)
	f.n.mu.Unlock()
	f.watch.Stop()
	if err := f.File.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// drain resets the counter of an eventfd. The read must never sleep, or all watches of
// this process would wait for it. RWF_NOWAIT ensures that even if the peer, which shares
// the open file, has cleared O_NONBLOCK.
func drain(fd int) {
	var b [8]byte
	for {
		_, err := unix.Preadv2(fd, [][]byte{b[:]}, -1, unix.RWF_NOWAIT)
		if sys.NoSuchCall(err) { // before Linux 5.8
			_, err = unix.Read(fd, b[:])
		}
		if err != unix.EINTR {
			return
		}
	}
}
