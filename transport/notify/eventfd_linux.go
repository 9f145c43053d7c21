package notify

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// Eventfd is the form "eventfd": each peer has an eventfd of its own, on which
// a goroutine is parked in the runtime's poller.
type Eventfd struct {
	kick  chan struct{} // holds one wake-up that no Wait has seen
	timer *time.Timer   // Wait's

	readers sync.WaitGroup
	mu      sync.Mutex
	files   map[*eventFile]struct{} // open ones; nil after Close
}

// NewEventfd returns the eventfd form.
func NewEventfd() (transport.Notifier, error) {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &Eventfd{kick: make(chan struct{}, 1), timer: t, files: make(map[*eventFile]struct{})}, nil
}

// Form is "eventfd".
func (*Eventfd) Form() string { return "eventfd" }

// Wait sleeps until a peer writes its eventfd; see transport.Notifier. It
// blocks a goroutine, not a thread.
func (n *Eventfd) Wait(bells []transport.Bell, timeout time.Duration) error {
	if changed(bells) {
		return nil
	}
	if timeout <= 0 {
		<-n.kick
		return nil
	}
	n.timer.Reset(timeout)
	select {
	case <-n.kick:
		n.timer.Stop()
	case <-n.timer.C:
	}
	return nil
}

// Interrupt makes a Wait return; see transport.Notifier.
func (n *Eventfd) Interrupt() {
	select {
	case n.kick <- struct{}{}:
	default: // one is pending already
	}
}

// Wake wakes a peer; see transport.Notifier.
func (*Eventfd) Wake(word transport.Word, fd int) error { return wake(word, fd) }

// NewFD returns an eventfd to be passed to one peer. It is also the end on
// which this process listens, so the caller keeps it open as long as the peer
// may wake this process; its Close ends the listening.
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
	if n.files == nil {
		f.File.Close()
		return nil, fmt.Errorf("notify: new eventfd: %w", transport.ErrClosed)
	}
	n.files[f] = struct{}{}
	n.readers.Go(func() {
		// It ends when the file is closed.
		_ = raw.Read(func(fd uintptr) bool {
			if drain(int(fd)) {
				n.Interrupt()
			}
			return false
		})
	})
	return f, nil
}

// Close closes all eventfds and returns when no goroutine is left.
func (n *Eventfd) Close() error {
	n.mu.Lock()
	files := n.files
	n.files = nil
	n.mu.Unlock()
	for f := range files {
		f.File.Close()
	}
	n.readers.Wait()
	n.timer.Stop()
	return nil
}

// eventFile is an eventfd on which its notifier listens.
type eventFile struct {
	*os.File
	n *Eventfd
}

// Close ends the listening and closes the eventfd. It may be called again.
func (f *eventFile) Close() error {
	f.n.mu.Lock()
	delete(f.n.files, f)
	f.n.mu.Unlock()
	if err := f.File.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// drain takes the count out of an eventfd and says whether there was one. The
// read must never sleep, or Close would wait for it: RWF_NOWAIT holds even
// when the peer, who shares the open file, has cleared O_NONBLOCK.
func drain(fd int) bool {
	var b [8]byte
	for {
		n, err := unix.Preadv2(fd, [][]byte{b[:]}, -1, unix.RWF_NOWAIT)
		if err == unix.EOPNOTSUPP { // before Linux 5.8
			n, err = unix.Read(fd, b[:])
		}
		if err != unix.EINTR {
			return n > 0
		}
	}
}
