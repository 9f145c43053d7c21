package shared

import (
	"context"
	"fmt"
	"sync/atomic"
)

// MaxPermits is the largest number of permits of a semaphore.
const MaxPermits = 1<<31 - 1

// SemaphoreWord is a counting semaphore in shared memory. The zero value has no
// permits: its creator calls Release for the first ones. Use it through NewSemaphore.
type SemaphoreWord struct{ state atomic.Uint32 }

// Semaphore is one party's handle of a SemaphoreWord. Any goroutine may use it. The
// permits that a process had taken when it died are lost; those of a Limit come back.
type Semaphore struct {
	word  *atomic.Uint32
	turn  turn
	order atomic.Uint32 // for the race detector, as in Mutex
}

// NewSemaphore returns the handle of a word that is inside m.
func NewSemaphore(m *Memory, word *SemaphoreWord) (*Semaphore, error) {
	if err := inside(m, word); err != nil {
		return nil, err
	}
	return handle(m, word, func() *Semaphore { return &Semaphore{word: &word.state, turn: newTurn()} }), nil
}

// TryAcquire takes one permit if there is one. It makes no system call.
func (s *Semaphore) TryAcquire() bool {
	for {
		w := s.word.Load()
		if w&^waiting == 0 {
			return false
		}
		if s.word.CompareAndSwap(w, w-1) {
			if raceEnabled {
				s.order.Load()
			}
			return true
		}
	}
}

// Acquire waits for a permit and takes it. It fails with the error of the context if
// that ends before.
func (s *Semaphore) Acquire(ctx context.Context) error {
	if s.TryAcquire() {
		return nil
	}
	if err := s.turn.queue(ctx); err != nil {
		return err
	}
	defer s.turn.leave()
	if spin(s.TryAcquire) {
		return nil
	}
	w := waiter{ctx: ctx}
	for !s.TryAcquire() {
		seen := s.word.Load()
		if seen == 0 && !s.word.CompareAndSwap(0, waiting) || seen&^waiting != 0 {
			continue
		}
		if err := w.sleep(s.word, waiting); err != nil {
			return err
		}
	}
	return nil
}

// Release adds n permits. If there would be more than MaxPermits, it fails with a
// *LimitError and adds none.
func (s *Semaphore) Release(n int) error {
	if n == 0 {
		return nil
	}
	if n < 0 {
		return fmt.Errorf("shared: release of %d permits", n)
	}
	if raceEnabled {
		s.order.Add(1)
	}
	for {
		w := s.word.Load()
		have := uint64(w &^ waiting)
		if have+uint64(n) > MaxPermits {
			return &LimitError{What: "permits of a semaphore", Got: have + uint64(n), Limit: MaxPermits}
		}
		if !s.word.CompareAndSwap(w, uint32(have)+uint32(n)) {
			continue
		}
		// All are woken and the mark is cleared; a waiter that gets nothing sets it
		// again. A count of sleepers would stay wrong after the death of one.
		if w&waiting != 0 {
			wakeAll(s.word)
		}
		return nil
	}
}

// Permits returns how many permits there are at this moment.
func (s *Semaphore) Permits() int { return int(s.word.Load() &^ waiting) }
