package shared

import (
	"context"
	"runtime"
	"time"
)

// spins is how often a word that is taken is polled before the first system call.
const spins = 256

// Tests change these.
var (
	firstPause = 10 * time.Millisecond  // how long a waiter sleeps before it asks again whether the owner lives
	lastPause  = 160 * time.Millisecond // pauses double up to this
)

// worthSpinning says whether another processor can change a word meanwhile.
var worthSpinning = runtime.NumCPU() > 1

// waiter is one goroutine that waits for a word.
type waiter struct {
	ctx   context.Context
	pause time.Duration
}

// queue waits until it is this goroutine's turn to wait for a word; leave ends the
// turn.
func (t turn) queue(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) leave() { <-t }

// spin polls ready a few times before its caller sleeps, and lets other goroutines
// run, one of which may be the owner.
func spin(ready func() bool) bool {
	if worthSpinning {
		for range spins {
			if ready() {
				return true
			}
		}
	}
	runtime.Gosched()
	return ready()
}
