package shared

import (
	"context"
	"errors"
	"sync/atomic"
)

// MutexWord is a mutex as it lies in shared memory; zero is unlocked. Use it
// by NewMutex.
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
	order atomic.Uint32 // tells the race detector what it cannot see in shared memory
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

// Lock takes the mutex; it waits until the context ends. A free mutex is taken
// without a look at the context and without a system call.
//
// With ErrOwnerDied it is held as well: the owner died in the critical section,
// so repair what it protects and call MarkConsistent before Unlock. With any
// other error it is not held: ErrNotRecoverable or the context's.
func (x *Mutex) Lock(ctx context.Context) error {
	if x.word.CompareAndSwap(0, x.m.party) {
		x.acquired()
		return nil
	}
	return x.lockSlow(ctx)
}

// TryLock takes the mutex if it is free or its owner is dead, and says whether
// it did: true with ErrOwnerDied as Lock has it, false with nil when a living
// process holds it. It makes a system call only when the mutex is taken.
func (x *Mutex) TryLock() (bool, error) {
	for {
		held, err := x.take(0)
		if held || err != nil {
			return held, err
		}
		w := x.word.Load()
		if w&partyMask == 0 {
			continue // given back in between
		}
		if held, err = x.takeFromDead(w); held || err != nil {
			return held, err
		}
		if x.word.Load() == w {
			return false, nil
		}
	}
}

// Unlock gives the mutex back. It fails with ErrNotOwner when this process
// does not hold it. After ErrOwnerDied without MarkConsistent it makes the
// mutex unusable for everybody.
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
			// If this process is killed here, a pause ends the sleep of the next.
			wakeOne(x.word)
			return nil
		}
	}
}

// MarkConsistent says that the data is whole again after ErrOwnerDied. It fails
// with ErrNotOwner when this process does not hold the mutex; it does nothing
// when no owner has died.
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
		// Others may sleep too: who has to wait takes it with the mark, at the
		// price of one wake-up too many.
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
		spin(free) // while somebody else was faster
	}
}

// take takes a mutex that nobody holds.
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

// takeFromDead takes a mutex whose word is w from its owner, if that is dead.
// A number of a party is never used twice, so a word that still is w has still
// that owner.
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

// Held says whether an error of Lock or TryLock left the mutex held: there is
// none, or it is ErrOwnerDied.
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
