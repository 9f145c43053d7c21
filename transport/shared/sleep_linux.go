package shared

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport/internal/sys"
)

// sleep returns when word differs from seen, when its sleepers were woken, or when it
// is time to ask again whether the owner lives. It fails when the context has ended.
// Each call pauses longer than the one before.
func (w *waiter) sleep(word *atomic.Uint32, seen uint32) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	w.pause = min(max(2*w.pause, firstPause), lastPause)
	// The end of the context wakes the sleepers of the word. If that comes
	// before the sleep begins, the pause ends the sleep.
	stop := context.AfterFunc(w.ctx, func() { _, _ = sys.FutexWake(word) })
	err := sys.FutexWait(word, seen, w.pause)
	stop()
	switch err {
	case nil, unix.EAGAIN, unix.EINTR, unix.ETIMEDOUT:
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		return nil
	}
	return fmt.Errorf("shared: futex: %w", err)
}

// wakeOne wakes one sleeper of the word and reports whether there was one.
func wakeOne(word *atomic.Uint32) bool {
	n, _ := sys.FutexWakeOne(word) // it cannot fail: the word is mapped
	return n > 0
}

func wakeAll(word *atomic.Uint32) { _, _ = sys.FutexWake(word) }
