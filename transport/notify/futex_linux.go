package notify

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// The values of Futex.state, the private word.
//
//	idle ──Wait──► sleeping ──wake, time-out──► idle
//	  │               │
//	  └──Interrupt────┴──► interrupted ──Wait returns──► idle
const (
	idle        = 0
	sleeping    = 1
	interrupted = 2
)

// Futex is the form "futex": one thread sleeps on the bells and on a private
// word.
type Futex struct {
	state    atomic.Uint32 // idle, sleeping or interrupted
	waiters  [MaxBells + 1]sys.Waiter
	deadline sys.Timespec
}

// NewFutex returns the futex form. Before Linux 5.16, or if a seccomp filter forbids
// futex_waitv, it fails with an error that wraps errors.ErrUnsupported.
func NewFutex() (transport.Notifier, error) {
	if !sys.HasFutexWaitv() {
		return nil, fmt.Errorf("notify: futex_waitv, which needs Linux 5.16: %w", errors.ErrUnsupported)
	}
	return new(Futex), nil
}

// Max returns the largest number of bells that Wait takes.
func (*Futex) Max() int { return MaxBells }

// Wait sleeps until a bell changes; see transport.Notifier. With more than
// MaxBells bells it returns a *TooManyBellsError.
func (f *Futex) Wait(bells []transport.Bell, timeout time.Duration) error {
	if len(bells) > MaxBells {
		return &TooManyBellsError{Bells: len(bells), Limit: MaxBells}
	}
	if changed(bells) {
		return nil
	}
	var deadline *sys.Timespec
	if timeout > 0 {
		if err := f.deadline.Monotonic(timeout); err != nil {
			return fmt.Errorf("notify: clock: %w", err)
		}
		deadline = &f.deadline
	}
	ws := f.waiters[:len(bells)+1]
	ws[0].Set(&f.state, sleeping, true)
	for i := range bells {
		ws[i+1].Set(bells[i].Word, bells[i].Seen, false)
	}
	if !f.state.CompareAndSwap(idle, sleeping) {
		f.state.Store(idle) // it was interrupted, which ends this Wait
		return nil
	}
	err := sys.FutexWaitv(ws, deadline)
	// An Interrupt between the kernel's return and here belongs to this Wait.
	f.state.Store(idle)
	switch err {
	case nil, unix.EAGAIN, unix.EINTR, unix.ETIMEDOUT:
		return nil
	}
	return fmt.Errorf("notify: futex_waitv: %w", err)
}

// Interrupt makes a Wait return; see transport.Notifier. It makes a system call only
// if a Wait sleeps.
func (f *Futex) Interrupt() {
	if f.state.Swap(interrupted) == sleeping {
		_, _ = sys.FutexWakePrivate(&f.state) // it cannot fail: the word is ours
	}
}

// Wake wakes a peer; see transport.Notifier.
func (*Futex) Wake(word transport.Word, fd int) error { return wake(word, fd) }

// NewFD returns nil: peers wake this form through their bells.
func (*Futex) NewFD() (transport.File, error) { return nil, nil }

// Close does nothing: there is nothing to release.
func (*Futex) Close() error { return nil }
