package shared

import (
	"context"
	"errors"
	"sync/atomic"
)

// MutexWord is a mutex in shared memory. The zero value is unlocked. Use it through
// NewMutex.
type MutexWord struct{ state atomic.Uint32 }

// The bits of the word; see the package comment.
const (
	waiting   = 1 << 31
	ownerDied = 1 << 30
	lost      = 1 << 29
	partyMask = 1<<29 - 1
)

// Mutex is one party's handle of a MutexWord. Any goroutine may use it.
type Mutex struct {
	m     *Memory
	word  *atomic.Uint32
	turn  turn
	order atomic.Uint32 // shows the race detector the order, which it cannot see in shared memory
}

// NewMutex returns the handle of a word that is inside m. All goroutines of
// this process that call it for the same word get the same handle.
func NewMutex(m *Memory, word *MutexWord) (*Mutex, error) {
	if err := inside(m, word); err != nil {
		return nil, err
	}
	return newMutex(m, word), nil
}

func newMutex(m *Memory, word *MutexWord) *Mutex {
	return handle(m, word, func() *Mutex { return &Mutex{m: m, word: &word.state, turn: newTurn()} })
}

// Lock takes the mutex. It waits at most until the context ends. A free mutex is taken
// without a look at the context and without a system call.
//
// With ErrOwnerDied the mutex is held as well: the owner died in the critical section,
// so repair the data and call MarkConsistent before Unlock. With any other error,
// ErrNotRecoverable or the context's, it is not held.
func (x *Mutex) Lock(ctx context.Context) error {
	if x.word.CompareAndSwap(0, x.m.party) {
		x.acquired()
		return nil
	}
	return x.lockSlow(ctx)
}

// TryLock takes the mutex if it is free or its owner is dead, and reports whether it
// did. It returns true with ErrOwnerDied if the owner is dead, as Lock does, and false
// with nil if a living process holds the mutex. It makes a system call only if the mutex
// is held.
func (x *Mutex) TryLock() (bool, error) {
	for {
		held, err := x.take(0)
		if held || err != nil {
			return held, err
		}
		w := x.word.Load()
		if w&partyMask == 0 {
			continue // unlocked in between
		}
		if held, err = x.takeFromDead(w); held || err != nil {
			return held, err
		}
		if x.word.Load() == w {
			return false, nil
		}
	}
}

// Unlock releases the mutex. It fails with ErrNotOwner if this process does not hold
// it. After ErrOwnerDied without MarkConsistent, it makes the mutex unusable for
// everybody.
func (x *Mutex) Unlock() error {
	x.releasing()
	if x.word.CompareAndSwap(x.m.party, 0) {
		return nil
	}
	for {
		w := x.word.Load()
		if w&partyMask != x.m.party {
			return ErrNotOwner
		}
		switch {
		case w&ownerDied != 0:
			if x.word.CompareAndSwap(w, lost) {
				wakeAll(x.word)
				return nil
			}
		case x.word.CompareAndSwap(w, 0):
			// If this process is killed here, the next owner's sleep ends with its pause.
			wakeOne(x.word)
			return nil
		}
	}
}

// MarkConsistent declares the data consistent again after ErrOwnerDied. It fails with
// ErrNotOwner if this process does not hold the mutex, and does nothing if no owner has
// died.
func (x *Mutex) MarkConsistent() error {
	for {
		w := x.word.Load()
		if w&partyMask != x.m.party {
			return ErrNotOwner
		}
		if w&ownerDied == 0 || x.word.CompareAndSwap(w, w&^ownerDied) {
			return nil
		}
	}
}

func (x *Mutex) lockSlow(ctx context.Context) error {
	if err := x.turn.queue(ctx); err != nil {
		return err
	}
	defer x.turn.leave()
	free := func() bool { return x.word.Load()&^waiting == 0 }
	if spin(free) {
		if held, err := x.take(0); held || err != nil {
			return err
		}
	}
	w := waiter{ctx: ctx}
	for {
		// Others may sleep too, so a waiter takes the mutex with the mark, at the
		// price of one needless wake-up.
		held, err := x.take(waiting)
		if held || err != nil {
			return err
		}
		seen := x.word.Load()
		if seen&partyMask == 0 || seen&waiting == 0 && !x.word.CompareAndSwap(seen, seen|waiting) {
			continue
		}
		seen |= waiting
		if held, err = x.takeFromDead(seen); held || err != nil {
			return err
		}
		if err := w.sleep(x.word, seen); err != nil {
			return err
		}
		spin(free) // another process may have been faster
	}
}

// take takes the mutex if nobody holds it.
func (x *Mutex) take(mark uint32) (bool, error) {
	w := x.word.Load()
	if w&lost != 0 {
		return false, ErrNotRecoverable
	}
	if w&partyMask != 0 || !x.word.CompareAndSwap(w, x.m.party|w&waiting|mark) {
		return false, nil
	}
	x.acquired()
	return true, nil
}

// takeFromDead takes a mutex whose word is w from its owner, if the owner is dead. A
// party's number is never used twice, so a word that is still w still has that owner.
func (x *Mutex) takeFromDead(w uint32) (bool, error) {
	if w&lost != 0 {
		return false, ErrNotRecoverable
	}
	owner := w & partyMask
	dead, err := x.m.dead(owner)
	if err != nil || !dead || !x.word.CompareAndSwap(w, x.m.party|ownerDied|w&waiting) {
		return false, err
	}
	x.acquired()
	return true, &OwnerDiedError{Party: owner, PID: x.m.pid(owner)}
}

// Held reports whether the mutex is held after Lock or TryLock returned err: it is if
// err is nil or ErrOwnerDied.
func Held(err error) bool { return err == nil || errors.Is(err, ErrOwnerDied) }

func (x *Mutex) acquired() {
	if raceEnabled {
		x.order.Load()
	}
}

func (x *Mutex) releasing() {
	if raceEnabled {
		x.order.Add(1)
	}
}
